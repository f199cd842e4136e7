/** The limits of every container's processes (setrlimit(2)). Pure. */

import type { Rlimit } from "../oci/spec.ts";

const infinity = Number.POSITIVE_INFINITY;

/** Soft and hard limits of every container, whoever starts it: the kernel's own for its first process, and Docker's open files. */
const rlimits: Record<string, [soft: number, hard: number]> = {
  RLIMIT_AS: [infinity, infinity],
  // No core files unless the program wants them.
  RLIMIT_CORE: [0, infinity],
  RLIMIT_CPU: [infinity, infinity],
  RLIMIT_DATA: [infinity, infinity],
  RLIMIT_FSIZE: [infinity, infinity],
  RLIMIT_LOCKS: [infinity, infinity],
  RLIMIT_MEMLOCK: [8 << 20, 8 << 20],
  RLIMIT_MSGQUEUE: [819200, 819200],
  RLIMIT_NICE: [0, 0],
  RLIMIT_NOFILE: [1024, 524288],
  // The cgroup counts its processes; this one counts all of a user's, on the whole host.
  RLIMIT_NPROC: [infinity, infinity],
  RLIMIT_RSS: [infinity, infinity],
  RLIMIT_RTPRIO: [0, 0],
  RLIMIT_RTTIME: [infinity, infinity],
  RLIMIT_STACK: [8 << 20, infinity],
};

/** Below the hard limits of this process, where it cannot raise them. */
export function planRlimits({ hardLimits }: { hardLimits: Record<string, number> }): Rlimit[] {
  return Object.entries(rlimits).map(([type, [soft, hard]]) => {
    const most = hardLimits[type] ?? infinity;
    return { type, soft: toLimit(Math.min(soft, most)), hard: toLimit(Math.min(hard, most)) };
  });
}

/** RLIM_INFINITY as the specification has it; JSON has no other. */
const toLimit = (limit: number): number => Math.min(limit, 2 ** 64);
