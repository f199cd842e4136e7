/** The limits of a spec in the words of cgroup v2: which controllers they need and what is written where. Pure. */

import type { Resources } from "../oci/spec.ts";

/** One line for one file of the container's cgroup. */
export interface Setting {
  controller: "memory" | "cpu" | "pids";
  file: string;
  value: string;
  why: string;
}

/**
 * What to write into the container's cgroup directory.
 * @param ownThreads threads of ours in there, which the kernel counts as processes and the user did not mean.
 * @see https://docs.kernel.org/admin-guide/cgroup-v2.html
 */
export function planCgroup(resources: Resources, ownThreads = 0): Setting[] {
  const { memory, cpu, pids } = resources;
  const settings: Setting[] = [];
  if (memory?.limit !== undefined && memory.limit > 0) {
    const why = `${memory.limit} bytes of memory, then the kernel's OOM killer`;
    settings.push({ controller: "memory", file: "memory.max", value: String(memory.limit), why });
    if (memory.swap !== undefined && memory.swap >= 0) {
      const value = String(Math.max(0, memory.swap - memory.limit));
      settings.push({ controller: "memory", file: "memory.swap.max", value, why: "swap beyond that memory" });
    }
  }
  if (cpu?.quota !== undefined && cpu.quota > 0) {
    const period = cpu.period ?? defaultPeriod;
    const why = `${cpu.quota / period} CPUs: µs of CPU time in every period of ${period} µs`;
    settings.push({ controller: "cpu", file: "cpu.max", value: `${cpu.quota} ${period}`, why });
  }
  if (pids !== undefined && pids.limit > 0) {
    const value = String(pids.limit + ownThreads);
    settings.push({ controller: "pids", file: "pids.max", value, why: `at most ${pids.limit} processes and threads` });
  }
  return settings;
}

/** µs: the kernel's own default for cpu.max. */
export const defaultPeriod = 100_000;
