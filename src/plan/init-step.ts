/** What the container's first process does until it becomes the program, as data (step.ts). */

import type { Seccomp } from "../oci/seccomp.ts";
import type { BuiltinSeccomp, Capabilities, Device, Rlimit } from "../oci/spec.ts";
import type { Listener } from "./rare/listener.ts";
import type { JoinStep, RareStep } from "./rare/step.ts";
import type { MappedInitStep } from "./userns/step.ts";

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
  /** `filtered`: by then each call is asked for; what was to be closed is. */
  | { do: "close-others"; preserve: number }
  | { do: "await-start"; preserve: number; filtered?: true }
  | { do: "close-fds"; preserve?: number }
  | { do: "reset-signals" }
  | { do: "no-new-privileges" }
  | SeccompStep
  | { do: "reap"; args: string[]; env: string[] }
  /**
   * `path`: what is executed, whatever args[0] says, and with this environment alone. `alone`: nobody is there any more to be
   * told of a failure, so it says so itself, on its stderr.
   */
  | { do: "execute"; args: string[]; env: string[]; path?: string; alone?: true };

/** Loads a filter of system calls. */
export interface SeccompStep {
  do: "seccomp";
  rules: Seccomp | BuiltinSeccomp;
  /** The bounding set, which the built-in rules depend on. */
  capabilities: string[];
  /** Process 1 goes on as a small init: it has the program load it, and then does so itself. */
  reap?: boolean;
  /** The agent that is sent a descriptor, by which it hears of calls. */
  listener?: Listener;
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
