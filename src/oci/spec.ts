/**
 * The nouns of the OCI runtime specification that tinydocker reads and writes (config.json of a bundle).
 * @see https://github.com/opencontainers/runtime-spec/blob/main/config.md
 */

import type {
  RareBlockIo,
  RareCpu,
  RareLinux,
  RareMemory,
  RareMount,
  RareProcess,
  RareResources,
  RareSpec,
} from "./rare.ts";
import type { Seccomp } from "./seccomp.ts";

export interface Spec extends RareSpec {
  ociVersion: string;
  root: Root;
  process: Process;
  hostname?: string;
  domainname?: string;
  mounts: Mount[];
  linux: Linux;
  annotations?: Record<string, string>;
}

export interface Root {
  /** Absolute path of the directory that becomes "/". */
  path: string;
  readonly?: boolean;
}

export interface Process extends RareProcess {
  terminal?: boolean;
  consoleSize?: { height: number; width: number };
  user: User;
  args: string[];
  /** `NAME=value`, the whole environment of the program. */
  env: string[];
  cwd: string;
  capabilities?: Capabilities;
  rlimits?: Rlimit[];
  noNewPrivileges?: boolean;
  oomScoreAdj?: number;
}

export interface User {
  uid: number;
  gid: number;
  additionalGids?: number[];
  umask?: number;
  /** Groups by name or number beside those that `username` is in, still to be resolved as that. */
  groupNames?: string[];
  /**
   * `name`, `uid`, `name:group` or `uid:gid` as a person wrote it, still to be resolved against the /etc/passwd and
   * /etc/group of the rootfs; then uid and gid above are ignored. (The specification has the field for Windows only.)
   */
  username?: string;
}

export interface Capabilities {
  bounding: string[];
  effective: string[];
  permitted: string[];
  inheritable: string[];
  ambient: string[];
  /**
   * Those that a user other than root keeps, as if they were inheritable and ambient: who that is says the /etc/passwd of the
   * rootfs. (The specification has no such field.)
   */
  unlessRoot?: string[];
}

export interface Rlimit {
  /** `RLIMIT_NOFILE` and the like. */
  type: string;
  soft: number;
  hard: number;
}

export interface Mount extends RareMount {
  destination: string;
  /** File system type; "bind" or absent with a "bind" option for bind mounts. */
  type?: string;
  source?: string;
  /** As fstab(5): "nosuid", "ro", "mode=755", "rbind", "rslave". */
  options?: string[];
}

export interface Linux extends RareLinux {
  namespaces: Namespace[];
  devices?: Device[];
  cgroupsPath?: string;
  resources?: Resources;
  seccomp?: Seccomp | BuiltinSeccomp;
  /** Settings of the kernel by their names. */
  sysctl?: Record<string, string>;
  maskedPaths?: string[];
  readonlyPaths?: string[];
  /** "private", "rprivate", "slave", "rslave", "shared", "rshared" or "unbindable". */
  rootfsPropagation?: string;
}

/** Which calls a container may make for which nobody says anything: what that is comes from tinydocker. (The specification has rules only.) */
export interface BuiltinSeccomp {
  profile: "builtin";
}

export type NamespaceType = "pid" | "network" | "mount" | "ipc" | "uts" | "user" | "cgroup" | "time";

export interface Namespace {
  type: NamespaceType;
  /** An existing namespace to join, as /proc/PID/ns/... */
  path?: string;
}

export interface Device {
  type: "c" | "b" | "p";
  path: string;
  major: number;
  minor: number;
  fileMode: number;
  uid: number;
  gid: number;
}

export interface Resources extends RareResources {
  memory?: Memory;
  cpu?: Cpu;
  pids?: { limit: number };
  blockIO?: BlockIo;
}

export interface Memory extends RareMemory {
  /** Bytes; -1 is unlimited. */
  limit?: number;
  /** Memory and swap together in bytes (the cgroup v1 meaning, which the specification keeps). */
  swap?: number;
  /** Bytes that are not taken from it while there is other memory to take. */
  reservation?: number;
}

export interface Cpu extends RareCpu {
  /** µs of CPU time in each period. */
  quota?: number;
  /** µs. */
  period?: number;
  /** 2 to 262144 (the cgroup v1 meaning, which the specification keeps). */
  shares?: number;
  /** Lists as `0-2,4`. */
  cpus?: string;
  mems?: string;
}

export interface BlockIo extends RareBlockIo {
  /** 10 to 1000 (the cgroup v1 meaning). */
  weight?: number;
  weightDevice?: DeviceWeight[];
  throttleReadBpsDevice?: DeviceRate[];
  throttleWriteBpsDevice?: DeviceRate[];
  throttleReadIOPSDevice?: DeviceRate[];
  throttleWriteIOPSDevice?: DeviceRate[];
}

export interface DeviceId {
  major: number;
  minor: number;
}

export type DeviceWeight = DeviceId & { weight?: number; leafWeight?: number };

/** Bytes or operations in a second. */
export type DeviceRate = DeviceId & { rate: number };
