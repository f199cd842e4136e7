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

import type { Spec } from "../oci/spec.ts";
import type { HostStep } from "./host-step.ts";
import type { InitStep } from "./init-step.ts";
import type { NetworkStep } from "./network/network.ts";
import type { ExternalPlan } from "./rare/external.ts";

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
