/** The clone that makes a container's first process, planned while the options are still unread. Pure, and small: it comes before the fork. */

import type { CloneStep } from "./step.ts";

/** One call with which init comes to life, in its cgroup. */
export const planClone = (cgroup: string | undefined): CloneStep => ({
  do: "clone",
  flags: ["NEWPID"],
  ...(cgroup !== undefined && { cgroup }),
});

/** True if no word of the command line can ask for another network than one of its own. Making one takes 0.4 ms. */
export const surelyOwnNetwork = (argv: string[]): boolean => !argv.some((word) => word.includes("host"));

/** Where a container's cgroup is, below the mount point of cgroup v2. */
export const cgroupPath = (id: string): string => `/tinydocker/${id}`;
