/** Limits that few ask for, in the words of cgroup v2; and what changes limits of a container that runs. Pure. */

import type { BlockIo, DeviceId, DeviceRate, Resources } from "../oci/spec.ts";
import { planCgroup, type Setting } from "./cgroup.ts";

/** What to write beside the limits that most ask for. */
export function planRareLimits({ memory, cpu, blockIO }: Resources): Setting[] {
  return [
    ...((memory?.reservation ?? 0) > 0 ? [planReservation(memory!.reservation!)] : []),
    ...(cpu ? planCpu(cpu) : []),
    ...(blockIO ? planBlockIo(blockIO) : []),
  ];
}

const planReservation = (bytes: number): Setting => ({
  controller: "memory",
  file: "memory.low",
  value: String(bytes),
  summed: true,
  why: "memory that is taken from it only when there is no other",
});

function planCpu({ quota = 0, period, shares, cpus, mems }: NonNullable<Resources["cpu"]>): Setting[] {
  const settings: Setting[] = [];
  if (quota <= 0 && period !== undefined) {
    const why = `no limit, in periods of ${period} µs`;
    settings.push({ controller: "cpu", file: "cpu.max", value: `max ${period}`, why });
  }
  if (shares) {
    const why = `a share of ${shares}, where others have 1024, when all want the CPUs`;
    settings.push({ controller: "cpu", file: "cpu.weight", value: String(weightOfShares(shares)), why });
  }
  if (cpus) settings.push({ controller: "cpuset", file: "cpuset.cpus", value: cpus, why: "on these CPUs alone" });
  if (mems)
    settings.push({ controller: "cpuset", file: "cpuset.mems", value: mems, why: "with memory of these nodes" });
  return settings;
}

function planBlockIo(io: BlockIo): Setting[] {
  const { weight, weightDevice = [] } = io;
  return [
    ...(weight ? [planWeight(weight)] : []),
    ...weightDevice.flatMap((device) => (device.weight ? [planWeight(device.weight, `${idOf(device)} `)] : [])),
    ...throttles.flatMap(([key, field]) => (io[field] ?? []).map((device) => planThrottle(key, device))),
  ];
}

const throttles = [
  ["rbps", "throttleReadBpsDevice"],
  ["wbps", "throttleWriteBpsDevice"],
  ["riops", "throttleReadIOPSDevice"],
  ["wiops", "throttleWriteIOPSDevice"],
] as const;

const planThrottle = (key: string, device: DeviceRate): Setting => ({
  controller: "io",
  file: "io.max",
  value: `${idOf(device)} ${key}=${device.rate}`,
  why: `${device.rate} ${key.endsWith("bps") ? "bytes" : "operations"} in a second, at most`,
});

const idOf = ({ major, minor }: DeviceId): string => `${major}:${minor}`;

/** @param prefix names a disk; without it the weight is for all. */
const planWeight = (weight: number, prefix = ""): Setting => ({
  controller: "io",
  file: "io.bfq.weight",
  value: `${prefix}${weight}`,
  why: `a weight of ${weight}, from 10 to 1000, when all want ${prefix ? "this disk" : "the disks"}`,
  // From 10..1000 to 1..10000, as runc and crun do.
  or: { file: "io.weight", value: `${prefix}${1 + Math.trunc(((weight - 10) * 9999) / 990)}` },
});

/**
 * Shares of cgroup v1 (2 to 262144) as a weight of v2 (1 to 10000): the curve of runc since 1.3.2 and crun since 1.23, on
 * which both defaults, 1024 and 100, are the same. The straight line of before made 39 of 1024.
 */
export function weightOfShares(shares: number): number {
  const l = Math.log2(Math.min(262144, Math.max(2, shares)));
  const weight = 10 ** ((l * l + 125 * l) / 612 - 7 / 34);
  return Math.ceil(weight - 1e-6);
}

/** What each file says where there is no limit. */
const unlimited: Setting[] = [
  { controller: "memory", file: "memory.max", value: "max", why: "as much memory as there is" },
  { controller: "memory", file: "memory.swap.max", value: "max", why: "and swap", optional: true },
  { controller: "memory", file: "memory.low", value: "0", summed: true, why: "none that is not taken from it" },
  { controller: "cpu", file: "cpu.max", value: "max", why: "as much CPU time as there is" },
  { controller: "cpu", file: "cpu.weight", value: "100", why: "the share that others have" },
  { ...planWeight(100), or: { file: "io.weight", value: "100" } },
  { controller: "pids", file: "pids.max", value: "max", why: "as many processes as there can be" },
];

/**
 * What to write to change some files, also where there is to be no limit any more. Sets of CPUs and memory nodes can't be taken
 * away from processes that have them: all there are is as good.
 */
export function planUpdate(resources: Resources, changed: Set<string>): Setting[] {
  const ofDisks = ({ value }: Setting) => value.includes(":");
  const limited = [...planCgroup(resources), ...planRareLimits(resources)].filter((setting) => !ofDisks(setting));
  const all = [...limited, ...unlimited.filter((none) => !limited.some(({ file }) => file === none.file))];
  return all.filter(({ file }) => changed.has(file));
}
