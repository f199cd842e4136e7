/** The clone that makes a container's first process, planned while the options are still unread. Pure, and small: it comes before the fork. */

import type { CloneStep } from "./step.ts";

/** One call with which init comes to life, in its cgroup. */
export const planClone = (cgroup: string | undefined): CloneStep => ({
  do: "clone",
  flags: ["NEWPID"],
  ...(cgroup !== undefined && { cgroup }),
});

/** What a monitor is told that looks after a container without a network namespace of its own. */
export const sharedNetworkWord = "--shared-network";

/**
 * True if no word of the command line can ask for the host's network, or another container's. Then init makes its own while
 * the options are read: it takes 0.4 ms.
 */
export const surelyOwnNetwork = (argv: string[]): boolean =>
  !argv.some((word) => word.includes("host") || word.includes("container:") || word === sharedNetworkWord);

/** Where a container's cgroup is, below the mount point of cgroup v2. */
export const cgroupPath = (id: string): string => `/tinydocker/${id}`;
