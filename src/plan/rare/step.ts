/** Steps of init that only bundles of other engines ask for. Their records are in program/rare.ts, loaded for those who do. */

import type { IoPriority, Landlock, MemoryPolicy, Scheduler } from "../../oci/rare.ts";

export type RareStep =
  | { do: "time-namespace"; offsets: ClockOffset[]; why: string }
  | { do: "scheduler"; scheduler: Scheduler }
  | { do: "io-priority"; priority: IoPriority }
  /** A list of CPUs; without, all of them. */
  | { do: "affinity"; cpus?: string }
  | { do: "memory-policy"; policy: MemoryPolicy }
  | { do: "personality"; domain: "LINUX" | "LINUX32" }
  /** Of the program, when it is executed. */
  | { do: "security-label"; of: "AppArmor" | "SELinux"; label: string }
  /** Made before the process gives up the rights that opening the paths takes. */
  | { do: "landlock-rules"; rules: Landlock }
  | { do: "landlock" }
  | { do: "root-propagation"; propagation: string }
  /** Changes attributes of what is mounted there already. */
  | { do: "remount"; target: string; options: string[] }
  /** In place of a program. */
  | { do: "self-test" };

/** Steps of the host's side that only some hosts or containers need. */
export type RareHostStep = LoadProfileStep;

/** A profile of AppArmor, which the kernel has not got yet. */
export interface LoadProfileStep {
  do: "load-profile";
  name: string;
  /** What apparmor_parser(8) takes. */
  text: string;
}

/** Namespaces of somebody else that a container may be in. */
export type SharedNamespaceType = "network" | "ipc" | "pid" | "uts" | "cgroup" | "mount" | "time";

/** `path` is for people: the host's side has opened it. */
export interface JoinStep {
  do: "join-namespace";
  namespace: SharedNamespaceType;
  path: string;
  why: string;
}

/** What a clock of the container is ahead of the host's. */
export interface ClockOffset {
  clock: "monotonic" | "boottime";
  secs: number;
  nanosecs: number;
}
