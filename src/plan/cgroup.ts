/** The limits of a spec in the words of cgroup v2: which controllers they need and what is written where. Pure. */

import type { Resources } from "../oci/spec.ts";
import type { LimitStep } from "./host-step.ts";

/** One line for one file of the container's cgroup. */
export interface Setting extends Omit<LimitStep, "do"> {
  /** As /sys/fs/cgroup/cgroup.controllers names it. */
  controller: string;
}

/**
 * What to write into the container's cgroup directory of the limits that most ask for (plan/rare-limits.ts has the others).
 * @see https://docs.kernel.org/admin-guide/cgroup-v2.html
 */
export function planCgroup(resources: Resources): Setting[] {
  const { memory, cpu, pids } = resources;
  const settings: Setting[] = [];
  if (memory?.limit !== undefined && memory.limit > 0) {
    const { limit, swap } = memory;
    const why = `${limit} bytes of memory, then the kernel's OOM killer`;
    settings.push({ controller: "memory", file: "memory.max", value: String(limit), why });
    if (swap !== undefined && swap >= 0) {
      const value = String(Math.max(0, swap - limit));
      const why = "swap beyond that memory";
      settings.push({ controller: "memory", file: "memory.swap.max", value, why, optional: true });
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

/** µs: the kernel's own default for cpu.max. */
export const defaultPeriod = 100_000;

/** The cgroup that those of all containers are in, below the mount point of cgroup v2. */
export const commonCgroup = "/tinydocker";

/** Where a container's cgroup is. */
export const cgroupPath = (id: string): string => `${commonCgroup}/${id}`;

/** What the plan has to know of the host. */
export interface Host {
  /** Absent where cgroup v2 is not mounted. */
  cgroup2?: { mountPoint: string; controllers: string[] };
}

/** What to say of controllers that this host lacks. */
export function lackOf(controllers: string[], host: Host): [message: string, hint: string] {
  const names = controllers.join(", ");
  const missing = `cannot limit ${names}: this host has no cgroup v2 controller ${names}`;
  if (!host.cgroup2)
    return [`${missing} (cgroup v2 is not mounted)`, "mount it, or boot with systemd.unified_cgroup_hierarchy=1"];
  const where = host.cgroup2.mountPoint.endsWith("/unified") ? " (hybrid mode: cgroup v1 holds them)" : "";
  return [missing + where, "boot with systemd.unified_cgroup_hierarchy=1, or ask for no limit (0)"];
}

/** A setting in the directory of a cgroup. */
export const limitStep = (cgroup: string, { file, value, why, or, optional, summed }: Setting): LimitStep => ({
  do: "limit",
  file: `${cgroup}/${file}`,
  value,
  why,
  ...(or && { or: { ...or, file: `${cgroup}/${or.file}` } }),
  ...(optional && { optional }),
  ...(summed && { summed }),
});
