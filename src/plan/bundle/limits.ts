/** The limits of a bundle in the words of cgroup v2: those of our own containers, and what only other engines ask for. Pure. */

import { InvalidError } from "../../errors.ts";
import type { Cpu, Memory, Resources } from "../../oci/spec.ts";
import { planCgroup, type Setting } from "../cgroup.ts";
import { planRareLimits, weightOfShares } from "../rare-limits.ts";

/** The files that every cgroup has, whichever controllers it has. */
export const core = "cgroup";

/**
 * What to write into the cgroup of a container, in order. What is there already is overwritten: no limit (-1) is one, too.
 * @throws InvalidError for limits that contradict each other
 */
export function planBundleLimits(resources: Resources): Setting[] {
  const { memory, cpu, pids, hugepageLimits = [], rdma = {}, unified = {} } = resources;
  if (memory) checkSwap(memory);
  const common = { ...resources, ...(memory && { memory: withoutNoSwap(memory) }) };
  return [
    ...planCgroup(common),
    ...planRareLimits(common),
    ...(memory ? planUnlimited(memory) : []),
    ...(pids && pids.limit < 0 ? [planNoLimit("pids", "pids.max", "as many processes as there can be")] : []),
    ...(cpu ? planRareCpu(cpu) : []),
    ...hugepageLimits.flatMap(planHugePages),
    ...Object.entries(rdma).map(planRdma),
    ...Object.entries(unified).flatMap(planRaw),
  ];
}

/** 0 is the same as nothing: Go's encoders write it. */
function withoutNoSwap({ swap, ...memory }: Memory): Memory {
  return swap ? { ...memory, swap } : memory;
}

function checkSwap({ limit = 0, swap = 0 }: Memory): void {
  const field = "linux.resources.memory.swap";
  if (swap <= 0) return;
  if (limit === 0) throw new InvalidError(`${field}: swap is limited together with memory, which has no limit`);
  if (limit < 0 || swap < limit)
    throw new InvalidError(`${field}: ${swap} bytes of memory and swap are less than those of memory alone, ${limit}`);
}

const planNoLimit = (controller: string, file: string, why: string): Setting => ({
  controller,
  file,
  value: "max",
  why,
});

/** @see https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files */
function planUnlimited({ limit = 0, swap = 0, reservation = 0 }: Memory): Setting[] {
  const file = "memory.swap.max";
  return [
    ...(limit < 0 ? [planNoLimit("memory", "memory.max", "as much memory as there is")] : []),
    ...(swap < 0 || (limit < 0 && swap === 0)
      ? [{ ...planNoLimit("memory", file, "and swap"), optional: true } as const]
      : []),
    ...(reservation < 0 ? [planNoLimit("memory", "memory.low", "none of it is taken from the container")] : []),
  ];
}

/** A weight can't be given to a cgroup that is idle: so it comes before. */
function planRareCpu({ burst, idle, quota, period }: Cpu): Setting[] {
  const file = "cpu.max.burst";
  return [
    ...(quota !== undefined && quota < 0 && period === undefined
      ? [planNoLimit("cpu", "cpu.max", "as much CPU time as there is")]
      : []),
    ...(burst !== undefined
      ? [{ controller: "cpu", file, value: String(burst), why: `${burst} µs of CPU time may be saved up` }]
      : []),
    ...(idle !== undefined
      ? [{ controller: "cpu", file: "cpu.idle", value: String(idle), why: "1 runs only when nobody else wants to" }]
      : []),
  ];
}

/** What may be reserved, where the kernel counts that, and what may be used. */
function planHugePages({ pageSize, limit }: NonNullable<Resources["hugepageLimits"]>[number]): Setting[] {
  const value = String(limit);
  const why = `${limit} bytes of pages of ${pageSize}`;
  return [
    { controller: "hugetlb", file: `hugetlb.${pageSize}.max`, value, why },
    { controller: "hugetlb", file: `hugetlb.${pageSize}.rsvd.max`, value, why: `${why} reserved`, optional: true },
  ];
}

function planRdma([device, { hcaHandles, hcaObjects }]: [string, NonNullable<Resources["rdma"]>[string]]): Setting {
  const handles = hcaHandles === undefined ? "" : ` hca_handle=${hcaHandles}`;
  const objects = hcaObjects === undefined ? "" : ` hca_object=${hcaObjects}`;
  return { controller: "rdma", file: "rdma.max", value: `${device}${handles}${objects}`, why: `of ${device}, at most` };
}

/** "Configuration unknown to the runtime MUST still be written to the relevant file." A file of many lines takes them one by one. */
function planRaw([file, text]: [string, string]): Setting[] {
  const controller = file.slice(0, file.indexOf("."));
  const why = "asked for, as it is";
  return text.split("\n").flatMap((value) => (value === "" ? [] : [{ controller, file, value, why }]));
}

/** The settings that a host with these controllers needs: no limit where nothing is limited is how it is already. */
export const withoutNoLimits = (settings: Setting[], controllers: readonly string[] = []): Setting[] =>
  settings.filter((setting) => limits(setting) || controllers.includes(setting.controller));

/** containerd's ctr asks for 1024 shares of CPU time when nobody has asked it for anything: as many as all have. */
const limits = ({ file, value }: Setting): boolean =>
  value !== "max" && !(file === "cpu.weight" && value === String(weightOfShares(1024)));
