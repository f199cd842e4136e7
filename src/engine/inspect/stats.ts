/** What a running container uses at this moment: from its cgroup, or from /proc where this host's cgroups do not count. */

import { readCgroupFile } from "../../linux/cgroup.ts";
import { readIo, readShare, readStat, readTraffic, totalMemory } from "../../linux/procfs.ts";
import { countTasks, processesOf } from "../../runtime/oci/processes.ts";
import { parseCpuStat, parseIoStat } from "../../runtime/usage.ts";
import type { Container } from "../record/container.ts";

/** Counts and sizes in bytes at one moment. */
export interface Sample {
  /** By performance.now(). */
  atMs: number;
  /** CPU time since it was started. */
  cpuMs: number;
  memory: number;
  /** Its limit, or all that the machine has. */
  memoryLimit: number;
  received: number;
  sent: number;
  readBytes: number;
  writtenBytes: number;
  tasks: number;
}

/** One container, now. */
export function sampleContainer({ state, record }: Container): Sample {
  const pids = processesOf(state);
  const io = readCgroupFile(state.cgroup, "io.stat");
  // With the host's network it has none of its own to speak of.
  const pid = record.options.network.mode === "host" ? undefined : state.process?.pid;
  return {
    atMs: performance.now(),
    cpuMs: cpuOf(state.cgroup, pids),
    memory: memoryOf(state.cgroup, pids),
    memoryLimit: Number(readCgroupFile(state.cgroup, "memory.max")) || totalMemory(),
    ...(pid === undefined ? { received: 0, sent: 0 } : readTraffic(pid)),
    ...(io === undefined ? ioOf(pids) : parseIoStat(io)),
    tasks: countTasks(state),
  };
}

/** CPUs it has used between two samples: 1.5 is one and a half. */
export const cpusBetween = (before: Sample, after: Sample): number =>
  Math.max(0, after.cpuMs - before.cpuMs) / Math.max(1, after.atMs - before.atMs);

const sum = (numbers: number[]): number => numbers.reduce((total, number) => total + number, 0);

/** cpu.stat is there without its controller, too. */
function cpuOf(cgroup: string | undefined, pids: number[]): number {
  const text = readCgroupFile(cgroup, "cpu.stat");
  if (text !== undefined) return parseCpuStat(text);
  return sum(pids.map(readStat).map((stat) => (stat ? stat.cpuMs + stat.childrenCpuMs : 0)));
}

/** As Docker counts: without the files that were read and can be dropped at any time. */
function memoryOf(cgroup: string | undefined, pids: number[]): number {
  const current = readCgroupFile(cgroup, "memory.current");
  if (current === undefined) return sum(pids.map((pid) => readShare(pid) ?? 0));
  const inactive = /^inactive_file (\d+)/m.exec(readCgroupFile(cgroup, "memory.stat") ?? "")?.[1];
  return Math.max(0, Number(current) - Number(inactive ?? 0));
}

/** Each process knows its own, and that of the children it has waited for. */
function ioOf(pids: number[]): { readBytes: number; writtenBytes: number } {
  const all = pids.map((pid) => readIo(pid) ?? { readBytes: 0, writtenBytes: 0 });
  return { readBytes: sum(all.map((one) => one.readBytes)), writtenBytes: sum(all.map((one) => one.writtenBytes)) };
}
