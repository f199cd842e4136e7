/**
 * What the specs of tinydocker's own containers never say, and those of other engines' bundles may. Each interface holds the
 * rare fields of the one in spec.ts that extends it.
 * @see https://github.com/opencontainers/runtime-spec/blob/main/config-linux.md
 */

export interface RareSpec {
  hooks?: Hooks;
}

export const hookKinds = [
  "prestart",
  "createRuntime",
  "createContainer",
  "startContainer",
  "poststart",
  "poststop",
] as const;
export type HookKind = (typeof hookKinds)[number];
export type Hooks = { [Kind in HookKind]?: Hook[] };

/** A program that is told the state of the container on its stdin. */
export interface Hook {
  /** Absolute. */
  path: string;
  /** With argv[0]; without, it is the path. */
  args?: string[];
  env?: string[];
  /** Seconds, from 1. */
  timeout?: number;
}

export interface RareProcess {
  scheduler?: Scheduler;
  ioPriority?: IoPriority;
  /** Of processes that join a container; lists of CPUs as `0-2,4`. */
  execCPUAffinity?: { initial?: string; final?: string };
  apparmorProfile?: string;
  selinuxLabel?: string;
}

/** As sched_setattr(2). */
export interface Scheduler {
  /** `SCHED_OTHER` and the like. */
  policy: string;
  nice?: number;
  priority?: number;
  /** `SCHED_FLAG_RESET_ON_FORK` and the like. */
  flags?: string[];
  /** Nanoseconds, of SCHED_DEADLINE. */
  runtime?: number;
  deadline?: number;
  period?: number;
}

/** As ioprio_set(2). */
export interface IoPriority {
  /** `IOPRIO_CLASS_BE` and the like. */
  class: string;
  /** 0, the first, to 7. */
  priority?: number;
}

export interface RareMount {
  uidMappings?: IdMapping[];
  gidMappings?: IdMapping[];
}

/** `size` ids from `containerID` on inside are those from `hostID` on outside. */
export interface IdMapping {
  containerID: number;
  hostID: number;
  size: number;
}

/** What the kernel is told of Landlock, by the names of rights in linux/landlock.h. (The specification has no such thing.) */
export interface Landlock {
  /** What is refused but for the rules. */
  fs: string[];
  net: string[];
  scoped: string[];
  paths: { path: string; allowed: string[] }[];
  ports: { port: number; allowed: string[] }[];
}

export interface RareLinux {
  landlock?: Landlock;
  uidMappings?: IdMapping[];
  gidMappings?: IdMapping[];
  /** By clock: "monotonic" or "boottime". */
  timeOffsets?: Record<string, { secs?: number; nanosecs?: number }>;
  /** Devices of the host's network that are moved into the container's, by their names there. */
  netDevices?: Record<string, { name?: string }>;
  mountLabel?: string;
  intelRdt?: Record<string, unknown>;
  personality?: { domain: "LINUX" | "LINUX32"; flags?: string[] };
  memoryPolicy?: MemoryPolicy;
}

/** As set_mempolicy(2). */
export interface MemoryPolicy {
  /** `MPOL_BIND` and the like. */
  mode: string;
  /** A list of nodes as `0-1,3`. */
  nodes?: string;
  /** `MPOL_F_STATIC_NODES` and the like. */
  flags?: string[];
}

export interface RareResources {
  /** What the container may do with which devices, in order. */
  devices?: DeviceRule[];
  hugepageLimits?: { pageSize: string; limit: number }[];
  network?: { classID?: number; priorities?: { name: string; priority: number }[] };
  /** By device. */
  rdma?: Record<string, { hcaHandles?: number; hcaObjects?: number }>;
  /** Files of the cgroup, and what is written into them. */
  unified?: Record<string, string>;
}

/** A line of the allow list of devices: what is absent means all. */
export interface DeviceRule {
  allow: boolean;
  type?: "a" | "c" | "b";
  major?: number;
  minor?: number;
  /** Of `r`, `w` and `m`. */
  access?: string;
}

/** Bytes; -1 is unlimited. */
export interface RareMemory {
  kernel?: number;
  kernelTCP?: number;
  /** 0 to 100. */
  swappiness?: number;
  disableOOMKiller?: boolean;
  useHierarchy?: boolean;
  checkBeforeUpdate?: boolean;
}

export interface RareCpu {
  /** µs that may be saved up. */
  burst?: number;
  realtimeRuntime?: number;
  realtimePeriod?: number;
  /** 1: only when nobody else wants the CPUs. */
  idle?: number;
}

export interface RareBlockIo {
  leafWeight?: number;
}
