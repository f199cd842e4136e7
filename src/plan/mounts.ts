/** The mounts of a spec, as steps of the host's side and of init: the root, what is mounted in it, devices, masks. Pure. */

import type { RareMount } from "../oci/rare.ts";
import type { Mount, Spec } from "../oci/spec.ts";
import type { BindStep, HostStep } from "./host-step.ts";
import type { InitStep } from "./init-step.ts";
import {
  anyPropagationOption,
  chownOption,
  copyUpOption,
  createSourceOption,
  detachedMountOption,
  hostMadeOption,
  idmapOption,
  mountNamespaceOption,
  subpathOption,
  writableBelowOption,
} from "./rare/mount-options.ts";
import { secretFilesOf } from "./secret-mount.ts";
import { planSysctls } from "./sysctl.ts";
import { userOf } from "./user.ts";

/** The mount that is the root, where it is not a directory in place. */
export const rootMountOf = (spec: Spec): Mount | undefined => spec.mounts.find((mount) => mount.destination === "/");

/** What the host's side makes: what it shows of itself, and other images beside the root. */
const isBind = ({ type, options = [], destination }: Mount): boolean =>
  type === "bind" ||
  options.includes("bind") ||
  options.includes("rbind") ||
  options.includes(hostMadeOption) ||
  (type === "overlay" && destination !== "/");

/** How the host's side makes the root, attached nowhere. */
export function planRoot(spec: Spec): HostStep {
  const mount = rootMountOf(spec);
  return mount ? planOverlay(mount) : { do: "bind-root", path: spec.root.path };
}

/** What the host's side shows of itself. */
export const planBinds = (spec: Spec): BindStep[] => spec.mounts.filter(isBind).map((mount) => planBind(mount, spec));

/** What the host's side prepares, for init to attach: in the order of their numbers. */
export const planPrepared = (spec: Spec): (BindStep | FileSystemStep)[] =>
  spec.mounts
    .filter((mount) => isPrepared(mount, spec))
    .map((mount) => (isBind(mount) ? planBind(mount, spec) : mapped().planFileSystem(mount, spec)));

type FileSystemStep = Extract<HostStep, { do: "file-system" }>;

/** Loaded for those that have a user namespace. */
const mapped = () => require("./userns/mounts.ts") as typeof import("./userns/mounts.ts");

/** Whether the host's side prepares it. */
export const isPrepared = (mount: Mount, spec: Spec): boolean =>
  isBind(mount) || (spec.linux.uidMappings !== undefined && mapped().isOfHost(mount, spec));

/** Every step of init that builds the container's file system tree, up to pivot_root. */
export function planMounts(spec: Spec): InitStep[] {
  const root = rootMountOf(spec);
  const masked = spec.linux.maskedPaths ?? [];
  let binds = 0;
  const isMapped = spec.linux.uidMappings !== undefined;
  // A container's root has no way to our own directories, but everybody has one to "/".
  const path = isMapped ? "/" : spec.root.path;
  return [
    ...(masked.length > 0 ? [{ do: "prepare-masks", path, ...(isMapped && { made: true as const }) } as const] : []),
    { do: "attach-root", path },
    ...spec.mounts
      .filter((mount) => mount !== root)
      .map((mount): InitStep => (isPrepared(mount, spec) ? planAttach(mount, binds++) : planMount(mount))),
    ...planDevices(spec),
    // While /proc/sys can be written to.
    ...planSysctls(spec, { late: false }),
    ...(spec.linux.readonlyPaths ?? []).map((path): InitStep => ({ do: "readonly-path", path })),
    ...masked.map((path): InitStep => ({ do: "mask", path })),
    ...(spec.root.readonly
      ? [{ do: "directory", path: spec.process.cwd } as const, { do: "readonly-root" } as const]
      : []),
  ];
}

/** The root as a mount of type overlay, in the words of mount(8): lowerdir lists the topmost layer first. */
function planOverlay(mount: Mount): HostStep {
  const option = (name: string) => mount.options?.find((text) => text.startsWith(`${name}=`))?.slice(name.length + 1);
  return {
    do: "overlay",
    lower: lowersOf(mount),
    upper: option("upperdir") ?? "",
    work: option("workdir") ?? "",
    ...(mount.options?.includes("volatile") && { volatile: true }),
    ...(option("context") && { label: option("context") as string }),
  };
}

function lowersOf({ options = [] }: Mount): string[] {
  const lower = options.find((text) => text.startsWith("lowerdir="))?.slice("lowerdir=".length) ?? "";
  // Backslash hides a colon that belongs to a path.
  return (lower.match(/(?:\\.|[^:\\])+/g) ?? []).map((path) => path.replace(/\\(.)/g, "$1"));
}

const propagation = /^r?(private|shared|slave|unbindable)$/;

function planMount({ type = "none", source = type, destination: target, options = [] }: Mount): InitStep {
  const why = reasons[target] ?? reasons[type];
  return { do: "mount", type, source, target, options, ...(why && { why }) };
}

const planAttach = ({ source = "", destination: target }: Mount, number: number): InitStep => ({
  do: "attach",
  number,
  source,
  target,
});

function planBind(mount: Mount, spec: Spec): BindStep {
  const { source = "", destination: target, options = [] } = mount;
  const secrets = secretFilesOf(mount);
  return {
    do: "bind",
    source,
    target,
    options: options.filter((option) => !propagation.test(option) && !/^r?(bind|idmap)$|^x-|^lowerdir=/.test(option)),
    ...(mount.type === "overlay" && { layers: lowersOf(mount) }),
    recursive: !options.includes("bind") || options.includes("rbind"),
    propagation: options.find((option) => propagation.test(option)) ?? spec.linux.rootfsPropagation ?? "rprivate",
    createSource: options.includes(createSourceOption),
    copyUp: options.includes(copyUpOption),
    ...(options.includes(detachedMountOption) && { detachedMount: true }),
    ...(options.includes(writableBelowOption) && { writableBelow: true }),
    ...planPart(options, spec),
    ...(secrets.length > 0 && { secrets }),
    ...(options.includes(anyPropagationOption) && { anyPropagation: true }),
    ...(spec.linux.mountLabel && selinux().planLabel(options, spec.linux.mountLabel)),
    ...(options.includes(hostMadeOption) && { tmpfs: true }),
    ...(mount.uidMappings && {
      mappings: { uid: mount.uidMappings, gid: mount.gidMappings ?? [], recursive: options.includes("ridmap") },
    }),
    ...(spec.linux.uidMappings && mapped().planOwners(options, userOf(spec))),
    ...(isCovered(target, spec) && { covered: true }),
  };
}

/** Loaded where SELinux is on. */
const selinux = () => require("./rare/selinux.ts") as typeof import("./rare/selinux.ts");

const isCovered = (target: string, { mounts }: Spec): boolean =>
  mounts.some(({ destination }) => destination !== "/" && target.startsWith(`${destination}/`));

function planPart(options: string[], spec: Spec): Pick<BindStep, "subpath" | "chown" | "idmap" | "namespace"> {
  const value = (option: string) => options.find((word) => word.startsWith(`${option}=`))?.slice(option.length + 1);
  const subpath = value(subpathOption);
  const owner = value(idmapOption)?.split(":").map(Number);
  const namespace = value(mountNamespaceOption);
  return {
    ...(subpath !== undefined && { subpath }),
    ...(namespace !== undefined && { namespace }),
    ...(options.includes(chownOption) && { chown: userOf(spec) }),
    ...(owner && { idmap: { uid: owner[0]!, gid: owner[1]!, user: userOf(spec) } }),
  };
}

export const isVolumeName = (name: string): boolean => /^[a-zA-Z0-9][a-zA-Z0-9_.-]{1,239}$/.test(name);

/** A mount as it was asked for: a volume is of type "volume", with its name as the source, or none. */
export interface MountRequest extends Omit<Mount, keyof RareMount> {
  /** What a volume is made with, if it has to be made. */
  volume?: { labels: Record<string, string>; options: Record<string, string> };
}

const reasons: Record<string, string> = {
  "/proc": "the processes of this pid namespace, and no others",
  "/dev": "an empty place for the few devices a container may use",
  "/dev/pts": "pseudo-terminals of the container's own",
  "/dev/shm": "POSIX shared memory of the container's own",
  "/dev/mqueue": "POSIX message queues of this ipc namespace",
  "/sys": "what the kernel tells about devices, to be read only",
  "/sys/fs/cgroup": "the container's own limits and usage, to be read only",
  tmpfs: "asked for: memory that is gone with the container",
};

function planDevices(spec: Spec): InitStep[] {
  const asked = spec.linux.devices ?? [];
  const left = spec.linux.uidMappings ? asked.filter((device) => !mapped().liesOnDev(device, spec)) : asked;
  const devices = left.map((device): InitStep => ({ do: "device", device }));
  // Somebody else's /dev (a bind mount of the host's) has what it has.
  if (spec.mounts.some((mount) => mount.destination === "/dev" && mount.type !== "tmpfs" && isBind(mount))) return [];
  const link = (path: string, target: string): InitStep => ({ do: "symlink", path, target });
  return [
    ...devices,
    link("/dev/ptmx", "pts/ptmx"),
    link("/dev/fd", "/proc/self/fd"),
    link("/dev/stdin", "/proc/self/fd/0"),
    link("/dev/stdout", "/proc/self/fd/1"),
    link("/dev/stderr", "/proc/self/fd/2"),
  ];
}
