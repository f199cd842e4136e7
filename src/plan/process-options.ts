/** What a user says of a container's process and its namespaces, beyond what nearly everybody says. Pure. */

/** Absent is what nobody said. */
export interface ProcessOptions {
  /** Size of /dev/shm; 0 is without a limit of its own. */
  shmBytes?: number;
  ulimits?: Ulimit[];
  /** Settings of the kernel by their names with slashes, as device names may have dots: `net/ipv4/ip_forward`. */
  sysctls?: Record<string, string>;
  /** Groups by name or number that the process is in beside its user's own. */
  groups?: string[];
  pid?: SharedNamespace;
  ipc?: IpcMode;
  /** The host's own host name. */
  uts?: "host";
  cgroupns?: "host";
  domainname?: string;
  oomScoreAdj?: number;
  umask?: number;
  /** `local`, or the name of a zone below /usr/share/zoneinfo. */
  timezone?: string;
  /** Variables of the image, or ours, that are not set. */
  unsetEnv?: string[];
  unsetEnvAll?: boolean;
  annotations?: Record<string, string>;
}

/** The host's namespace, or `container:` and another's id. */
export type SharedNamespace = "host" | `container:${string}`;

/** `private` is what a container has that does not say; only with a `shareable` one can others share. */
export type IpcMode = "none" | "private" | "shareable" | SharedNamespace;

/** A limit of getrlimit(2); -1 is unlimited. */
export interface Ulimit {
  /** In lower case, without RLIMIT_: `nofile`. */
  name: string;
  soft: number;
  hard: number;
}

/** The container whose namespace is shared, by name or id. */
export const containerOf = (mode: string | undefined): string | undefined =>
  mode?.startsWith("container:") ? mode.slice("container:".length) : undefined;
