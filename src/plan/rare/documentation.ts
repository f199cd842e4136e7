/** What people are told of the steps that few ask for. */

import type { RareHostStep, RareStep } from "./step.ts";

/** What there is to say of each kind of step. */
export type Documentation<Kind extends string> = { [Name in Kind]: { man: string; why: string; undo?: string } };

export const rareDocumentation: Documentation<(RareStep | RareHostStep)["do"]> = {
  "time-namespace": { man: "time_namespaces(7)", why: "asked for: clocks that tell another time since boot" },
  scheduler: { man: "sched_setattr(2)", why: "asked for: when the program gets a CPU" },
  "io-priority": { man: "ioprio_set(2)", why: "asked for: when the program gets the disk" },
  affinity: { man: "sched_setaffinity(2)", why: "asked for: the CPUs that it may run on" },
  "memory-policy": { man: "set_mempolicy(2)", why: "asked for: the nodes that its memory comes from" },
  personality: { man: "personality(2)", why: "asked for: what uname(2) says of the processor" },
  "security-label": {
    man: "proc_pid_attr(5)",
    why: "from execve on: what the kernel's security module lets the program do",
  },
  "landlock-rules": {
    man: "landlock(7)",
    why: "asked for: what the program may do with files, ports and processes outside",
  },
  landlock: { man: "landlock_restrict_self(2)", why: "from now on, and for all that the program starts" },
  "load-profile": {
    man: "apparmor_parser(8)",
    why: "the kernel has not got it since the host was started: what AppArmor holds containers to",
  },
  "self-test": { man: "credentials(7)", why: "for `doctor`: what a container sees, and what it is refused" },
  "root-propagation": { man: "mount_namespaces(7)", why: "asked for: which mounts the root passes on, and takes" },
  remount: { man: "mount_setattr(2)", why: "asked for: what is mounted there already, with other options" },
};
