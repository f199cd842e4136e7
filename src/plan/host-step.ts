/** What the host's side does for a container, as data: names, directories, mounts, limits (step.ts). */

import type { IdMapping } from "../oci/rare.ts";
import type { CleanupRecord } from "./cleanup-record.ts";
import type { EtcFile } from "./network/network.ts";
import type { Relabel } from "./rare/selinux.ts";
import type { RareHostStep, SharedNamespaceType } from "./rare/step.ts";
import type { SecretFile } from "./secret-mount.ts";
import type { SecretVariable } from "./secrets.ts";
import type { SystemdStep } from "./systemd/step.ts";
import type { User } from "./user.ts";
import type { MappedHostStep } from "./userns/step.ts";

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

/** A directory or file of the host as a detached mount, for init to attach (`attach`). */
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
