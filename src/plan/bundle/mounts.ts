/** The mounts and devices of a bundle in the words that the planner of our own containers knows. Pure. */

import { InvalidError, UnsupportedError } from "../../errors.ts";
import { mountAttributes } from "../../linux/mount-attributes.ts";
import type { Device, Mount, Spec } from "../../oci/spec.ts";
import { defaultDevices } from "../default-mounts.ts";
import type { InitStep } from "../init-step.ts";
import { anyPropagationOption, hostMadeOption, writableBelowOption } from "../rare/mount-options.ts";

const propagation = /^r?(private|shared|slave|unbindable)$/;
/** An attribute of the mount, or with an `r` of all that are mounted below it, too. */
const isAttribute = (option: string): boolean => mountAttributes([option]).rest.length === 0;
const isRecursive = (option: string): boolean =>
  !isAttribute(option) && /^r/.test(option) && isAttribute(option.slice(1));

/** What says nothing to the kernel: mount(8) reads it, or it is about the kernel's own messages. */
const saysNothing = /^(defaults|silent|loud|comment=.*|x-(?!tinydocker\.).*|_netdev|nofail|(no)?auto|(no)?users?)$/;

/** What a file system is as a whole: a bind mount, which shows it once more, can't change that. */
const ofFileSystem = /^((a|dir)?sync|(no)?lazytime|(no)?mand|(no)?iversion)$/;

/** A spec with mounts and devices as our own specs have them, and what had no effect. */
export interface Adapted {
  spec: Spec;
  warnings: string[];
}

/** @throws InvalidError, UnsupportedError naming the mount and its option */
export function adaptMounts(spec: Spec): Adapted {
  const warnings: string[] = [];
  const mounts = spec.mounts.map((mount, index) => {
    const where = `config.json: mounts[${index}]`;
    const options = (mount.options ?? []).filter((option) => !saysNothing.test(option));
    if (options.includes("remount")) return adaptRemount({ ...mount, options }, where);
    return isBind({ ...mount, options })
      ? adaptBind({ ...mount, options }, spec, where, warnings)
      : adaptFileSystem({ ...mount, options }, spec, where, warnings);
  });
  return { spec: { ...spec, mounts, linux: { ...spec.linux, devices: allDevices(spec.linux.devices) } }, warnings };
}

export const isBind = ({ type, options = [] }: Mount): boolean =>
  type === "bind" || options.includes("bind") || options.includes("rbind");

/** It changes the mount that is there, of which its file system knows nothing: read-only is the mount, not the disk. */
const remountType = "tinydocker.remount";

function adaptRemount(mount: Mount, where: string): Mount {
  const { destination, options = [] } = mount;
  const kept = options.filter((option) => !/^remount$|^r?bind$/.test(option));
  const wrong = kept.find((option) => !isAttribute(option));
  if (wrong !== undefined)
    throw new UnsupportedError(`${where}.options: ${JSON.stringify(wrong)} can't be changed by remount`);
  return { destination, type: remountType, options: kept };
}

const idmaps = ["idmap", "ridmap"];

function adaptBind(mount: Mount, spec: Spec, where: string, warnings: string[]): Mount {
  const { options = [], destination, source } = mount;
  if (!source) throw new InvalidError(`${where}.source: a bind mount has one`);
  const kept = options.filter((option) => {
    if (ofFileSystem.test(option)) warnings.push(`${where}.options: ${option} has no effect on a bind mount`);
    return !ofFileSystem.test(option) && option !== "idmap";
  });
  for (const option of kept) {
    const isKnown =
      isAttribute(option) || isRecursive(option) || propagation.test(option) || /^x-|^r?bind$|^ridmap$/.test(option);
    if (!isKnown)
      throw new InvalidError(`${where}.options: ${JSON.stringify(option)} is not an option of a bind mount`);
  }
  const own = spec.linux.rootfsPropagation || "rslave";
  return {
    destination,
    type: "bind",
    source,
    options: [
      ...kept,
      ...(kept.some((option) => propagation.test(option)) ? [] : [own]),
      // Only the recursive options are for what is mounted below.
      writableBelowOption,
      anyPropagationOption,
    ],
    ...mappingsOf(mount, spec, where),
  };
}

/** "If they are not specified, the runtime MAY use the container's user namespace mapping, otherwise an error MUST be returned." */
function mappingsOf(mount: Mount, { linux }: Spec, where: string): Pick<Mount, "uidMappings" | "gidMappings"> {
  const isAsked = mount.options?.some((option) => idmaps.includes(option));
  const { uidMappings, gidMappings } = mount;
  if (uidMappings?.length && gidMappings?.length) return { uidMappings, gidMappings };
  if (!isAsked) return {};
  if (!linux.uidMappings?.length || !linux.gidMappings?.length)
    throw new InvalidError(`${where}.options: idmap needs mappings, and neither the mount nor the container has some`);
  return { uidMappings: linux.uidMappings, gidMappings: linux.gidMappings };
}

function adaptFileSystem(mount: Mount, { linux }: Spec, where: string, warnings: string[]): Mount {
  const { type, source, options = [], destination } = mount;
  if (!type) throw new InvalidError(`${where}.type: it is not there, and no option is bind or rbind`);
  if (mount.uidMappings?.length || options.some((option) => idmaps.includes(option)))
    throw new UnsupportedError(`${where}: owners are mapped for bind mounts only, and this is of type ${type}`);
  if (options.includes("tmpcopyup") && type !== "tmpfs")
    throw new InvalidError(`${where}.options: tmpcopyup is an option of tmpfs, and this is of type ${type}`);
  const all = options
    .filter((option) => {
      const isVersion = /^(no)?iversion$/.test(option);
      if (isVersion) warnings.push(`${where}.options: ${option}: ${type} decides itself`);
      return !isVersion;
    })
    // Of a new file system nothing is below it.
    .map((option) => (isRecursive(option) ? option.slice(1) : option));
  const label = linux.mountLabel && !unlabelled.has(type) ? [`context=${linux.mountLabel}`] : [];
  return {
    destination,
    type,
    ...(source !== undefined && { source }),
    options: [...all, ...label, ...(isMadeByHost(type, all) ? [hostMadeOption] : [])],
  };
}

/** What the kernel labels by itself. */
const unlabelled = new Set(["proc", "sysfs", "cgroup", "cgroup2", "mqueue", "overlay"]);

/** A tmpfs that begins as what it covers: with its content (tmpcopyup), or with its mode, as other runtimes have it. */
const isMadeByHost = (type: string, options: string[]): boolean =>
  type === "tmpfs" && (options.includes("tmpcopyup") || !options.some((option) => option.startsWith("mode=")));

/** "In addition to any devices configured with this setting, the runtime MUST also supply" the default ones. */
function allDevices(devices: Device[] = []): Device[] {
  const own = new Map(devices.map((device) => [device.path, { ...device, ...numbersOf(device) }]));
  return [...defaultDevices.filter(({ path }) => !own.has(path)), ...own.values()];
}

/** A FIFO has none. */
const numbersOf = ({ type, major, minor }: Device) => (type === "p" ? { major: 0, minor: 0 } : { major, minor });

/** Files of /proc that callers cover with their own (lxcfs): as runc, these and no others. */
const coverable = new Set(
  [
    ...["cpuinfo", "diskstats", "meminfo", "stat", "swaps", "uptime", "loadavg", "slabinfo"],
    ...["sys/kernel/ns_last_pid", "sys/crypto/fips_enabled"],
  ].map((name) => `/proc/${name}`),
);

/** Where a path leads that has no symbolic links. */
const plain = (path: string): string =>
  `/${path
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .join("/")}`;

/** @throws InvalidError for a mount that what protects the container would be mounted under (docs/security.md R18) */
export function checkTargets({ mounts }: Spec): void {
  mounts.forEach((mount, index) => {
    const target = plain(mount.destination);
    const fail = (reason: string) => {
      throw new InvalidError(`config.json: mounts[${index}].destination: ${reason}`);
    };
    if (target.split("/").includes("..")) fail(`${JSON.stringify(mount.destination)} has ".." in it`);
    if (target === "/proc" && mount.type !== "proc" && !isBind(mount)) fail("only proc can be mounted on /proc");
    if (target.startsWith("/proc/") && !(isBind(mount) && coverable.has(target)))
      fail(`${JSON.stringify(target)} is inside /proc, where nothing can be mounted`);
  });
}

/** Steps of init with what only bundles ask of them. */
export function adaptStep(step: InitStep): InitStep {
  switch (step.do) {
    case "device":
      return { ...step, mayBeThere: true };
    case "attach":
      return coverable.has(plain(step.target)) ? { ...step, overProc: true } : step;
    case "mount": {
      if (step.type === remountType) return { do: "remount", target: step.target, options: step.options };
      const options = step.options.filter((option) => !propagation.test(option));
      const [passes] = step.options.filter((option) => /^r?(shared|unbindable)$/.test(option));
      // What is new is private, and a slave of nobody.
      return {
        ...step,
        options,
        ...(passes !== undefined && { propagation: passes.replace(/^r/, "") }),
        ...(options.includes("ro") && step.source.startsWith("/") && { readonlyDevice: true }),
      };
    }
    default:
      return step;
  }
}
