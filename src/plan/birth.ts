/** The first steps of every container, taken by init while the host's side still reads its options. Pure. */

import type { CloneStep, InitStep } from "./step.ts";

/** One call with which init comes to life, in its cgroup. */
export const planClone = (cgroup: string | undefined): CloneStep => ({
  do: "clone",
  flags: ["NEWPID"],
  ...(cgroup !== undefined && { cgroup }),
});

/** What init does before it has its plan. @param network false leaves the network namespace for the plan to decide. */
export const planBirth = (network: boolean): InitStep[] => [
  { do: "bind-to-parent" },
  { do: "session" },
  { do: "unshare", namespace: "NEWNS", why: "mounts of its own" },
  { do: "unshare", namespace: "NEWUTS", why: "a host name of its own" },
  { do: "unshare", namespace: "NEWIPC", why: "shared memory, semaphores and message queues of its own" },
  { do: "unshare", namespace: "NEWCGROUP", why: "the container sees its own cgroup as the root" },
  ...(network ? [unshareNetwork] : []),
];

export const unshareNetwork: InitStep = {
  do: "unshare",
  namespace: "NEWNET",
  why: "network devices, addresses and ports of its own",
};

/** True if no word of the command line can ask for another network than one of its own. Making one takes 0.4 ms. */
export const surelyOwnNetwork = (argv: string[]): boolean => !argv.some((word) => word.includes("host"));

/** Where a container's cgroup is, below the mount point of cgroup v2. */
export const cgroupPath = (id: string): string => `/tinydocker/${id}`;
