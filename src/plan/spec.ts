/** What a user asked for and what the image says, merged into the OCI spec of one container. Pure. */

import type { Healthcheck } from "../oci/image.ts";
import type { DeviceRule } from "../oci/rare.ts";
import type { Device, Mount, NamespaceType, Resources, Spec } from "../oci/spec.ts";
import { planAdded, planCapabilities } from "./capabilities.ts";
import { cgroupPath, defaultPeriod } from "./cgroup.ts";
import { planRlimits } from "./default-limits.ts";
import { defaultDevices, defaultMounts, maskedPaths, readonlyPaths } from "./default-mounts.ts";
import type { RunOptions } from "./options.ts";
import { defaultPath } from "./path.ts";
import { defaultSysctls } from "./sysctl.ts";

/** The part of an image's configuration that describes its program. */
export interface ImageDefaults {
  Entrypoint?: string[] | null;
  Cmd?: string[] | null;
  Env?: string[] | null;
  WorkingDir?: string | null;
  User?: string | null;
  Volumes?: Record<string, unknown> | null;
  ExposedPorts?: Record<string, unknown> | null;
  StopSignal?: string | null;
  Labels?: Record<string, string> | null;
  /** The words before a command given as text. */
  Shell?: string[] | null;
  /** How to check health; times in nanoseconds. */
  Healthcheck?: Healthcheck | null;
}

/** Where the container's root comes from. */
export type Rootfs =
  /** Read-only directories below one writable: `lower` from the bottom to the top. */
  | { kind: "overlay"; lower: string[]; upper: string; work: string; path: string; volatile?: boolean }
  /** A directory used in place; what the container writes stays in it. */
  | { kind: "directory"; path: string };

/** What the spec has to know of this host. */
export interface HostFacts {
  /** Hard limits of this process by their names, where they can't be raised: that takes CAP_SYS_RESOURCE. */
  hardLimits: Record<string, number>;
  /** Every device of /dev, asked for with --privileged. */
  devices: Device[];
  /** Capabilities that tinydocker has itself: it can't give others. */
  capabilities: string[];
}

const defaultCommand = ["/bin/sh"];

const allDevices: DeviceRule[] = [{ allow: true, access: "rwm" }];
/** But those of every container (device/rules.ts). */
const noDevices: DeviceRule[] = [{ allow: false, access: "rwm" }];

/** The config.json of a bundle. `id` names the cgroup. @param namespace of another process, a network to be joined. */
export function planSpec(
  id: string,
  options: RunOptions,
  image: ImageDefaults,
  rootfs: Rootfs,
  host: HostFacts,
  namespace?: string,
): Spec {
  const capabilities = planCapabilities(options, host);
  const hostNetwork = options.network.mode === "host";
  return {
    ociVersion: "1.2.0",
    root: { path: rootfs.path, readonly: options.readOnly },
    process: {
      terminal: options.terminal,
      ...(options.terminalSize && {
        consoleSize: { height: options.terminalSize.rows, width: options.terminalSize.columns },
      }),
      user: { uid: 0, gid: 0, username: options.user ?? (image.User || "0") },
      args: lacksCommand(options, image) ? defaultCommand : givenArgs(options, image),
      env: planEnv(options, image),
      cwd: options.workdir ?? (image.WorkingDir || "/"),
      capabilities: {
        bounding: capabilities,
        effective: capabilities,
        permitted: capabilities,
        inheritable: [],
        ambient: [],
        ...planAdded(options, capabilities),
      },
      rlimits: planRlimits(host),
    },
    ...(options.hostname !== undefined && { hostname: options.hostname }),
    mounts: [
      ...rootMount(rootfs),
      ...defaultMounts({ privileged: options.privileged, hostNetwork, ...planShm(options) }).filter(
        ({ destination }) => !options.mounts.some((mount) => mount.destination === destination),
      ),
      ...options.mounts,
    ],
    linux: {
      namespaces: [
        ...ownNamespaces.map((type) => ({ type })),
        ...(hostNetwork ? [] : [{ type: "network" as const, ...(namespace && { path: namespace }) }]),
      ],
      devices: options.privileged ? mergeDevices(defaultDevices, host.devices) : defaultDevices,
      cgroupsPath: cgroupPath(id),
      resources: { ...planResources(options), devices: options.privileged ? allDevices : noDevices },
      // In a network namespace of its own.
      ...(!hostNetwork && !namespace && { sysctl: defaultSysctls }),
      ...(!options.privileged && { maskedPaths, readonlyPaths, seccomp: { profile: "builtin" } }),
      rootfsPropagation: "rprivate",
    },
    // The name that the image specification gives it in a runtime's configuration; for whoever stops the container.
    ...(image.StopSignal && { annotations: { "org.opencontainers.image.stopSignal": image.StopSignal } }),
  };
}

/** True when neither the user nor the image says what to run. */
export const lacksCommand = (options: Words, image: ImageDefaults): boolean => givenArgs(options, image).length === 0;

type Words = Pick<RunOptions, "command" | "entrypoint">;

/** Docker's rule: a command replaces Cmd, an --entrypoint replaces Entrypoint and drops Cmd. */
export function givenArgs(options: Words, image: ImageDefaults): string[] {
  const entrypoint = options.entrypoint ?? image.Entrypoint ?? [];
  const inherited = options.entrypoint ? [] : (image.Cmd ?? []);
  return [...entrypoint, ...(options.command.length > 0 ? options.command : inherited)];
}

/** A variable once, the last one said wins: ours, then the image's, then the user's. init adds HOME from /etc/passwd. */
export function planEnv(options: RunOptions, image: ImageDefaults): string[] {
  const variables = new Map<string, string>();
  const own = [defaultPath, ...(options.hostname !== undefined ? [`HOSTNAME=${options.hostname}`] : [])];
  const set = (entry: string) => variables.set(entry.split("=", 1)[0]!, entry);
  for (const entry of [...own, ...(options.terminal ? ["TERM=xterm"] : []), ...(image.Env ?? [])]) set(entry);
  const { unsetEnv = [], unsetEnvAll } = options.process ?? {};
  for (const name of unsetEnvAll ? [...variables.keys()] : unsetEnv) variables.delete(name);
  options.env.forEach(set);
  return [...variables.values()];
}

/** As large as its memory may be; what is in it is counted there. */
function planShm(options: RunOptions): { shmBytes?: number } {
  const shmBytes = options.process?.shmBytes ?? planResources(options).memory?.limit;
  return shmBytes === undefined ? {} : { shmBytes };
}

export function planResources(options: RunOptions): Resources {
  const { memoryBytes, memorySwapBytes, cpus, pids } = limitsOf(options);
  return {
    ...(memoryBytes > 0 && { memory: { limit: memoryBytes, swap: memorySwapBytes } }),
    ...(cpus > 0 && { cpu: { quota: Math.round(cpus * defaultPeriod), period: defaultPeriod } }),
    ...(pids > 0 && { pids: { limit: pids } }),
  };
}

/** The limits that count: what was asked for, and else what is assumed. 0 is unlimited; of swap, -1. */
export function limitsOf({ assumed = {}, resources, ...options }: Limited) {
  const memoryBytes = options.memoryBytes ?? assumed.memoryBytes ?? 0;
  const assumedSwap = options.memoryBytes === undefined ? assumed.memorySwapBytes : undefined;
  return {
    memoryBytes,
    // As Docker: as much again.
    memorySwapBytes: resources?.memorySwapBytes ?? assumedSwap ?? 2 * memoryBytes,
    cpus: options.cpus ?? assumed.cpus ?? 0,
    pids: Math.max(0, options.pidsLimit ?? assumed.pidsLimit ?? 0),
  };
}

type Limited = Pick<RunOptions, "assumed" | "resources" | "memoryBytes" | "cpus" | "pidsLimit">;

const ownNamespaces: NamespaceType[] = ["pid", "ipc", "uts", "mount", "cgroup"];

function rootMount(rootfs: Rootfs): Mount[] {
  if (rootfs.kind === "directory") return [];
  const options = [
    lowerdirOf(rootfs.lower),
    `upperdir=${rootfs.upper}`,
    `workdir=${rootfs.work}`,
    ...(rootfs.volatile ? ["volatile"] : []),
  ];
  return [{ destination: "/", type: "overlay", source: "overlay", options }];
}

/** overlayfs's option for layers from the bottom to the top: there the topmost comes first, and a colon or comma of a path is escaped. */
export const lowerdirOf = (layers: readonly string[]): string =>
  `lowerdir=${layers
    .map((path) => path.replace(/[\\:,]/g, "\\$&"))
    .reverse()
    .join(":")}`;

function mergeDevices(first: Device[], others: Device[]): Device[] {
  const paths = new Set(first.map(({ path }) => path));
  return [...first, ...others.filter(({ path }) => !paths.has(path))];
}
