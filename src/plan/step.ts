/**
 * What a run does, as data: every step with its arguments, before any of them is taken.
 *
 * `run` performs these steps and `explain` prints them, so the explanation can't drift from the deed. Each kind has one
 * performer in runtime/ (or, of init's, one entry in program/, which makes system calls of it) and one entry in
 * `documentation.ts`; a kind that lacks either does not compile.
 *
 *     host                      init          the two processes of a run, and who waits for whom
 *      | prepare: names, directories
 *      | build: layers, users, volumes
 *      |------- clone --------->|
 *      | record                 | setup: namespaces, mounts, pivot_root
 *      | connect                |
 *      |<------ ready ----------|
 *      | release: limits        |
 *      |-------- go ----------->|
 *      |                        | start: ids, capabilities, execute
 *      |<---- end of file ------|             the sync socket closes at execve: the program runs
 */

import type { IdMapping } from "../oci/rare.ts";
import type { Seccomp } from "../oci/seccomp.ts";
import type { BuiltinSeccomp, Capabilities, Device, Rlimit, Spec } from "../oci/spec.ts";
import type { CleanupRecord } from "./cleanup-record.ts";
import type { EtcFile, NetworkStep } from "./network/network.ts";
import type { ExternalPlan } from "./rare/external.ts";
import type { Relabel } from "./rare/selinux.ts";
import type { JoinStep, RareHostStep, RareStep, SharedNamespaceType } from "./rare/step.ts";
import type { SecretFile } from "./secret-mount.ts";
import type { SecretVariable } from "./secrets.ts";
import type { SystemdStep } from "./systemd/step.ts";
import type { User } from "./user.ts";
import type { MappedHostStep, MappedInitStep } from "./userns/step.ts";

/** What will lie over the root's /etc/passwd: a path in a directory of the host's or, if it is empty, a file. */
export interface MountedPasswd {
  source: string;
  path: string;
}

/** What the host's side does. Each has an undo, run when the start fails or the container ends. */
export type HostStep =
  | { do: "lock-file"; running: string; cleanup: CleanupRecord }
  | {
      do: "take-name";
      name: string;
      path: string;
      id: string;
      owners: { containers: string; running: string };
      keep: boolean;
    }
  | { do: "directories"; directories: Directory[]; keep: boolean }
  | QuotaStep
  /** `sources` become files of `directory` called 0, 1, 2... */
  | { do: "copy-secrets"; directory: string; sources: string[] }
  | VolumeStep
  | { do: "mount-volume"; path: string; type: string; source: string; options: string[] }
  | { do: "remove"; directory: string; namePath?: string; ids?: string[] }
  /** `existing`: one that the caller has made is taken, if it is empty. `owner` may make others in it, by the host's numbers. */
  | { do: "cgroup"; path: string; existing?: true; owner?: { uid: number; gid: number } }
  | SystemdStep
  | MappedHostStep
  | RareHostStep
  | OverlayStep
  | { do: "bind-root"; path: string }
  | { do: "etc-files"; files: EtcFile[] }
  | { do: "user"; user: User; passwd?: MountedPasswd }
  | { do: "secret-variables"; variables: SecretVariable[] }
  | BindStep
  | { do: "open-namespace"; namespace: SharedNamespaceType; path: string }
  | { do: "write-file"; path: string; text: string }
  | { do: "delegate"; cgroup: string; controllers: string[] }
  | DeviceFilterStep
  | { do: "attach-device-filter"; cgroup: string }
  | LimitStep;

/** One line of the container's cgroup. */
export interface LimitStep {
  do: "limit";
  file: string;
  value: string;
  why: string;
  /** What another of the kernel's schedulers calls it: one of the two files has to be there. */
  or?: { file: string; value: string };
  /** A kernel without the file needs no limit of it. */
  optional?: true;
  /** The cgroup above has to have as much as all below it together. */
  summed?: true;
}

/** The program that decides which devices the container may use, in the kernel before the container is. */
export interface DeviceFilterStep {
  do: "device-filter";
  /** As plan/device/rules.ts has them. */
  rules: readonly string[];
  /** Somebody has asked for some of them: the container does not start without. */
  asked?: true;
}

/** A volume that is to be there. */
export interface VolumeStep {
  do: "volume";
  name: string;
  path: string;
  /** Where it is built, to be renamed when it is whole. */
  staging: string;
  /** What is known of it (volume.json), if it has to be made. */
  record: string;
  /** It goes with the container. */
  anonymous: boolean;
  /** The container that it goes with until that one's program runs; none where it is made to stay. */
  maker?: string;
}

/** A directory or file of the host as a detached mount, for init to attach (`attach`). */
/** The root of a container: the layers of its image, the topmost first, below one writable directory. */
interface OverlayStep {
  do: "overlay";
  lower: string[];
  upper: string;
  work: string;
  /** Nothing of it is to outlive a crash. */
  volatile?: boolean;
  /** What all its files are to SELinux. */
  label?: string;
  /** Where the host may see it already: of one writable layer there may be one overlay only. */
  mounted?: string;
  /** Layers are shown with the owners that they have on the disk as the container's own: each by an idmapped mount. */
  idmapped?: true;
}

export interface BindStep {
  do: "bind";
  source: string;
  /** Where it goes in the rootfs. */
  target: string;
  options: string[];
  recursive: boolean;
  propagation: string;
  /** Make the source directory on the host when it is not there (`--volume`), or fail (`--mount`). */
  createSource: boolean;
  /** Fill the source, the empty data of a volume, with what the image has at the target. */
  copyUp: boolean;
  /** The source is there only while a container uses it: memory that a volume is made of. */
  detachedMount?: boolean;
  /** What is mounted below the source stays writable although the mount is read-only. */
  writableBelow?: boolean;
  /** Of another container, by a path to open: the source is a path in it. */
  namespace?: string;
  /** Of another image: its layers, the topmost first, shown read-only; the source is its id, for people. */
  layers?: string[];
  /** Another mount lies over the image where it goes. */
  covered?: boolean;
  /** Only this part of the source; a symbolic link in it can't lead out. */
  subpath?: string;
  /** What the source is to be to SELinux. */
  label?: Relabel;
  /** Give the source with all that is in it to the container's user. */
  chown?: User;
  /** Files of this user of the host are the container's user's inside, and the other way round. */
  idmap?: { uid: number; gid: number; user: User };
  /** A source that passes no mounts on is none the worse. */
  anyPropagation?: true;
  /** No source, but memory that begins as what it covers. */
  tmpfs?: true;
  /** Owners as they are in the source, and what they are shown as. */
  mappings?: { uid: IdMapping[]; gid: IdMapping[]; recursive: boolean };
  /**
   * In a user namespace: who its files belong to inside. "same" is whoever they belong to on the disk; a number is that of the
   * caller, whose are root's files.
   */
  owners?: "same" | { uid: number; gid: number; user: User };
  /** Copies of secrets in the directory that is the source: what is shown is memory with their content. */
  secrets?: SecretFile[];
  why?: string;
}

/** What the container writes into these directories is bounded together, as one project of the file system. */
export interface QuotaStep {
  do: "quota";
  paths: string[];
  project: number;
  bytes: number;
  keep: boolean;
}

export interface Directory {
  path: string;
  /** Permission bits. */
  mode: number;
  /** Root, if it says nothing. */
  owner?: { uid: number; gid: number };
}

/** The call that makes the container's first process. */
export interface CloneStep {
  do: "clone";
  /** Names of clone(2) flags without CLONE_. */
  flags: "NEWPID"[];
  /** The pid namespace of another container that it is born in; for people: the host's side has opened it. */
  pid?: string;
  /** The cgroup v2 directory it is born in. */
  cgroup?: string;
  /** What the process does that makes it, where that is not ours: one that has entered a user namespace. */
  through?: InitStep[];
}

/**
 * What the program gets as 0, 1 and 2: a pipe of ours, the null device inside, its own terminal; or "inherited", what our own
 * caller has there, as callers of an OCI runtime expect.
 */
export type StdioKind = "pipe" | "null" | "terminal" | "inherited";

/** What the container's first process does. Paths named `target` or `path` are inside the rootfs unless said otherwise. */
export type InitStep =
  | RareStep
  | { do: "own-memory" }
  | { do: "close-inherited" }
  | { do: "bind-to-parent" }
  | { do: "exe-file" }
  | { do: "session" }
  | { do: "session-keyring" }
  | { do: "outlive" }
  | { do: "propagation"; path: string; propagation: "rslave" }
  | { do: "unshare"; namespace: "NEWNS" | "NEWUTS" | "NEWIPC" | "NEWNET" | "NEWCGROUP"; why: string }
  | { do: "loopback" }
  | { do: "send-network" }
  | JoinStep
  | MappedInitStep
  | { do: "hostname"; name: string }
  | { do: "domainname"; name: string }
  /**
   * `optional`: a default, which some kernel may not have or allow. `late`: it is of a device, which is there when the host's
   * side has connected the network; by then /proc/sys is read-only.
   */
  | { do: "sysctl"; name: string; value: string; optional?: true; late?: true }
  | { do: "subreaper" }
  /** `path` is where the root will be attached, over it. `made`: the host's side has made what they are of. */
  | { do: "prepare-masks"; path: string; made?: true }
  /** `path` is on the host: an empty directory that only this mount namespace has it on. */
  | { do: "attach-root"; path: string }
  | MountStep
  /** `number` counts the binds of the host's side. */
  | {
      do: "attach";
      number: number;
      source: string;
      target: string;
      why?: string /** It may cover a file of /proc. */;
      overProc?: true;
    }
  /** `mayBeThere`: one that is there already is as good, if it is the same. */
  | { do: "device"; device: Device; mayBeThere?: true }
  | { do: "symlink"; path: string; target: string }
  | { do: "readonly-path"; path: string }
  | { do: "mask"; path: string }
  | { do: "directory"; path: string }
  | { do: "readonly-root" }
  /** `only` leaves /dev/console as it is: that is process 1's. */
  | { do: "console"; rows?: number; columns?: number; only?: boolean }
  /** @param makeNull where the container has no null device any more, one that nobody else sees takes its place. */
  | { do: "stdio"; stdio: StdioKind[]; makeNull?: true }
  | { do: "pivot-root" }
  | { do: "workdir"; path: string /** Not made: it is an error if it is not there. */; existing?: true }
  | { do: "enter"; namespaces: ("NEWUSER" | "NEWNS" | "NEWUTS" | "NEWIPC" | "NEWNET" | "NEWCGROUP" | "NEWTIME")[] }
  /** The host's side runs hooks (`hooks` is for people), while there is no root but the host's. */
  | { do: "await-hooks"; hooks: string[] }
  | { do: "ready" }
  /** `keepOomScoreAdj`: what the caller has, unless something was asked for. */
  | { do: "reset-attributes"; oomScoreAdj?: number; keepOomScoreAdj?: true }
  | { do: "umask"; mask: number }
  | { do: "rlimit"; rlimit: Rlimit }
  | { do: "bounding-set"; keep: string[] }
  | { do: "ids" }
  /** `untilExecve`: beside them what it takes to load a filter, until execve(2) takes it away. */
  | { do: "capabilities"; capabilities: Capabilities; untilExecve?: "CAP_SYS_ADMIN" }
  /** `preserve` so many descriptors from 3 on. */
  | { do: "find-program"; args: string[]; env: string[] }
  | { do: "await-start"; preserve: number }
  | { do: "close-fds"; preserve?: number }
  | { do: "reset-signals" }
  | { do: "no-new-privileges" }
  | SeccompStep
  | { do: "reap"; args: string[]; env: string[] }
  /** `path`: what is executed, whatever args[0] says, and with this environment alone. */
  | { do: "execute"; args: string[]; env: string[]; path?: string };

/** Loads a filter of system calls. */
export interface SeccompStep {
  do: "seccomp";
  rules: Seccomp | BuiltinSeccomp;
  /** The bounding set, which the built-in rules depend on. */
  capabilities: string[];
  /** Process 1 goes on as a small init: it has the program load it, and then does so itself. */
  reap?: boolean;
}

/** A new instance of a file system. */
export interface MountStep {
  do: "mount";
  type: string;
  source: string;
  target: string;
  options: string[];
  /** It passes mounts on, or can't be bound; without, it is private. */
  propagation?: string;
  /** The source can't be written to: it would not be opened otherwise. */
  readonlyDevice?: true;
  why?: string;
}

/** What the process does that makes the one of an `exec`: a pid namespace is entered by a child only. */
export type GuideStep = { do: "enter-pid" } | { do: "clone-sibling"; flags?: CloneStep["flags"] };

export type Step = HostStep | CloneStep | InitStep | GuideStep | NetworkStep;

/** The whole of a run, in order. */
export interface Plan {
  id: string;
  /** What the container is: its name and directories. */
  prepare: HostStep[];
  /** What it has while it runs: a cgroup, its root, mounts. */
  build: HostStep[];
  clone: CloneStep;
  setup: InitStep[];
  /** Taken by the host's side beside `setup`. */
  record: HostStep[];
  /** Done before the rest could be planned: addresses and ports of the host that are ours now. */
  reserve: NetworkStep[];
  /** Taken by the host's side beside `setup`, when there is a network namespace. */
  connect: NetworkStep[];
  release: HostStep[];
  start: InitStep[];
  /** Programs of the host that are run at moments of its life: those of the spec, whose bundle is this directory. */
  hooks?: { spec: Spec; bundle: string };
  /** Another OCI runtime makes it, in place of `setup` and `start`. */
  external?: ExternalPlan;
  /** One-line warnings: defaults that this host cannot enforce. */
  warnings: string[];
}
