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
 * @see https://docs.kernel.org/admin-guide/cgroup-v2.html
 */
export function planCgroup(resources: Resources): Setting[] {
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
    const value = String(pids.limit);
    settings.push({ controller: "pids", file: "pids.max", value, why: `at most ${pids.limit} processes and threads` });
  }
  return settings;
}

const unlimited: Setting[] = [
  { controller: "memory", file: "memory.max", value: "max", why: "as much memory as there is" },
  { controller: "memory", file: "memory.swap.max", value: "max", why: "and swap" },
  { controller: "cpu", file: "cpu.max", value: "max", why: "as much CPU time as there is" },
  { controller: "pids", file: "pids.max", value: "max", why: "as many processes as there can be" },
];

/** What to write to change the limits of some controllers, also where there is to be no limit any more. */
export function planUpdate(resources: Resources, changed: Set<Setting["controller"]>): Setting[] {
  const limited = planCgroup(resources);
  return unlimited
    .filter(({ controller }) => changed.has(controller))
    .map((none) => limited.find(({ file }) => file === none.file) ?? none);
}

/** µs: the kernel's own default for cpu.max. */
export const defaultPeriod = 100_000;

/** Where a container's cgroup is, below the mount point of cgroup v2. */
export const cgroupPath = (id: string): string => `/tinydocker/${id}`;
