/**
 * What a container's program takes: the kernel's counts of its cgroup or, where a controller is missing (hybrid mode), what
 * /proc tells of its processes. What our own init took before it became the program is not counted.
 */

import { hasCode } from "../errors.ts";
import { readCgroupFile } from "../linux/cgroup.ts";
import { type Fd, O_RDWR, openIfAny, owned, readAll, seekToStart, writeAll } from "../linux/file.ts";
import type { EventSource } from "../linux/poll.ts";
import { readIo, readPeak, readStat } from "../linux/procfs.ts";

/** What a run took. Absent is what this host does not count. */
export interface Usage {
  wallMs: number;
  cpuMs?: number;
  /** The most memory that all of it had at once. */
  memoryPeakBytes?: number;
  /** Where that is not counted: the most that any one of its processes was seen to have. */
  largestProcessBytes?: number;
  readBytes?: number;
  writtenBytes?: number;
}

/** Watches a container from its start to its end. */
export interface Meter extends EventSource {
  /** Only the last steps of init are missing. */
  begin(): void;
  /** The program runs. */
  started(): void;
  /** After `end`. */
  usage(): Usage;
}

/**
 * @param pid of the container's first process. @param wanted whether anybody will see what was counted. @param look where
 * memory is not counted, look at it every now and then: asked for only, because it wakes us.
 */
export function meterOf(
  pid: number,
  cgroup: string | undefined,
  { wanted, look }: { wanted: boolean; look: boolean },
): Meter {
  const count = (): Counts => (wanted ? readCounts(pid, cgroup) : {});
  let before: Counts = {};
  let startedMs = performance.now();
  let usage: Usage = { wallMs: 0 };
  let peak: Fd | undefined;
  let sampling: Sampling | undefined;
  return {
    begin: () => {
      before = count();
      startedMs = performance.now();
    },
    started: () => {
      peak = cgroup === undefined || !wanted ? undefined : openPeak(`${cgroup}/memory.peak`);
      if (look && peak === undefined && cgroup !== undefined)
        sampling = { cgroup, atMs: startedMs + firstWaitMs, waitMs: firstWaitMs, largest: 0 };
    },
    watches: () => [],
    timers: () => (sampling ? [{ atMs: sampling.atMs, onTime: () => sample(sampling!) }] : []),
    end: () => {
      usage = {
        wallMs: toMicroseconds(performance.now() - startedMs),
        ...difference(count(), before),
        ...(peak !== undefined && { memoryPeakBytes: takePeak(peak) }),
        ...(sampling && sampling.largest > 0 && { largestProcessBytes: sampling.largest }),
      };
    },
    usage: () => usage,
  };
}

type Counts = Pick<Usage, "cpuMs" | "readBytes" | "writtenBytes">;

/** What has been counted until now. Of a first process that has ended and was not waited for, /proc tells it still. */
function readCounts(pid: number, cgroup: string | undefined): Counts {
  const io = readCgroupFile(cgroup, "io.stat");
  return { ...readCpu(pid, cgroup), ...(io === undefined ? readIo(pid) : parseIoStat(io)) };
}

/** cpu.stat is there without the controller, too. */
function readCpu(pid: number, cgroup: string | undefined): Counts {
  const text = readCgroupFile(cgroup, "cpu.stat");
  if (text !== undefined) return { cpuMs: parseCpuStat(text) };
  const stat = readStat(pid);
  return stat ? { cpuMs: stat.cpuMs + stat.childrenCpuMs } : {};
}

/** `usage_usec` of cpu.stat, in milliseconds. */
export const parseCpuStat = (text: string): number => Number(/^usage_usec (\d+)/m.exec(text)?.[1] ?? 0) / 1000;

/** All devices of io.stat together. */
export function parseIoStat(text: string): { readBytes: number; writtenBytes: number } {
  const sum = (key: string) =>
    [...text.matchAll(new RegExp(`\\b${key}=(\\d+)`, "g"))].reduce((total, [, bytes]) => total + Number(bytes), 0);
  return { readBytes: sum("rbytes"), writtenBytes: sum("wbytes") };
}

function difference(after: Counts, before: Counts): Counts {
  const keys = Object.keys(after) as (keyof Counts)[];
  return Object.fromEntries(keys.map((key) => [key, toMicroseconds(Math.max(0, after[key]! - (before[key] ?? 0)))]));
}

/** No digits that only the arithmetic has made. */
const toMicroseconds = (ms: number): number => Math.round(ms * 1000) / 1000;

/**
 * memory.peak, which from Linux 6.12 on begins anew for whoever writes to it; before, what init had counts too, if that was
 * more. Undefined where memory is not counted.
 */
function openPeak(path: string): Fd | undefined {
  using peak = owned(openIfAny(path, O_RDWR));
  if (peak === undefined) return undefined;
  try {
    writeAll(peak.fd, new TextEncoder().encode("reset"), path);
  } catch (error) {
    if (!hasCode(error, "EINVAL", "EBADF", "EACCES")) throw error;
  }
  return peak.handOff();
}

function takePeak(fd: Fd): number {
  using peak = owned(fd);
  seekToStart(peak.fd);
  return Number(new TextDecoder().decode(readAll(peak.fd, "memory.peak")));
}

interface Sampling {
  cgroup: string;
  atMs: number;
  waitMs: number;
  largest: number;
}

/** Before, a program is not all there; one that ends before is not seen. */
const firstWaitMs = 10;
const longestWaitMs = 100;

/** Soon after the start, because many end soon; later ten times a second. The kernel remembers each process's peak. */
function sample(look: Sampling): void {
  const pids = (readCgroupFile(look.cgroup, "cgroup.procs") ?? "").split("\n").filter(Boolean).map(Number);
  look.largest = Math.max(look.largest, ...pids.map((pid) => readPeak(pid) ?? 0));
  look.waitMs = Math.min(longestWaitMs, look.waitMs * 2);
  look.atMs = performance.now() + look.waitMs;
}
