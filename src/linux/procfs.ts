/** What the files of /proc/PID tell: proc_pid_stat(5), proc_pid_io(5), proc_pid_status(5), proc_pid_smaps(5). */

import { hasCode } from "../errors.ts";
import { readdir } from "./directory.ts";
import { readFile, readFileIfAny } from "./file.ts";

/** A file of /proc/PID, or undefined if there is no such process, or it ends at this moment. */
export function readOfProcess(pid: number, file: string): string | undefined {
  try {
    return readFileIfAny(`/proc/${pid}/${file}`);
  } catch (error) {
    // It ended between open and read.
    if (hasCode(error, "ESRCH")) return undefined;
    throw error;
  }
}

/** The numbers of all processes. */
export const allProcesses = (): number[] => (readdir("/proc") ?? []).filter((name) => /^\d+$/.test(name)).map(Number);

/** The kernel shows times to programs in ticks of this length, whatever it counts in itself (USER_HZ). */
export const tickMs = 10;

/** Of proc_pid_stat(5) what we ask for. */
export interface ProcessStat {
  /** The program's name, 15 bytes at most. */
  name: string;
  /** R, S, D, T, Z for one that has ended and was not waited for, ... */
  state: string;
  parent: number;
  session: number;
  /** The device number of its terminal; 0 for none. */
  terminal: number;
  /** CPU time, of its own threads. */
  cpuMs: number;
  /** CPU time of its children that have ended and that it has waited for, and of theirs. */
  childrenCpuMs: number;
  /** Since the machine was started. */
  startMs: number;
}

/** Undefined if there is no such process. */
export function readStat(pid: number): ProcessStat | undefined {
  const text = readOfProcess(pid, "stat");
  return text === undefined ? undefined : parseStat(text);
}

/** A line of proc_pid_stat(5). */
export function parseStat(text: string): ProcessStat {
  // The name is in parentheses, and may have spaces and parentheses itself.
  const end = text.lastIndexOf(")");
  const fields = text.slice(end + 2).split(" ");
  // Counted from 1 as in the man page; the first after the name is number 3.
  const field = (number: number) => Number(fields[number - 3]);
  return {
    name: text.slice(text.indexOf("(") + 1, end),
    state: fields[0]!,
    parent: field(4),
    session: field(6),
    terminal: field(7),
    cpuMs: (field(14) + field(15)) * tickMs,
    childrenCpuMs: (field(16) + field(17)) * tickMs,
    startMs: field(22) * tickMs,
  };
}

/** Who a process is for the kernel: its effective user id. */
export function readUser(pid: number): number | undefined {
  const found = /^Uid:\s+\d+\s+(\d+)/m.exec(readOfProcess(pid, "status") ?? "")?.[1];
  return found === undefined ? undefined : Number(found);
}

/** True if a signal is in one of these masks of a process (SigBlk, SigIgn, SigCgt); undefined if there is no such process. */
export function hasSignal(pid: number, signal: number, masks: ("Blk" | "Ign" | "Cgt")[]): boolean | undefined {
  const status = readOfProcess(pid, "status");
  if (status === undefined) return undefined;
  const found = [...status.matchAll(new RegExp(`^Sig(?:${masks.join("|")}):\\s*([0-9a-f]+)$`, "gm"))];
  return found.some(([, mask]) => (BigInt(`0x${mask}`) >> BigInt(signal - 1)) & 1n);
}

/** True for process 1 of a pid namespace: signals that it has no handler for the kernel drops (pid_namespaces(7)). */
export const isFirst = (pid: number): boolean => /^NSpid:.*\t1$/m.test(readOfProcess(pid, "status") ?? "");

/** Its words, as it shows them; empty for one that has ended. */
export const readWords = (pid: number): string[] =>
  (readOfProcess(pid, "cmdline") ?? "").replace(/\0$/, "").split("\0").filter(Boolean);

/** What has come and gone through the network of a process, in bytes: all devices of its namespace but lo. */
export function readTraffic(pid: number): { received: number; sent: number } {
  const traffic = { received: 0, sent: 0 };
  for (const line of (readOfProcess(pid, "net/dev") ?? "").split("\n").slice(2)) {
    const [device, counts = ""] = line.split(":");
    if (device!.trim() === "lo" || counts === "") continue;
    // Eight columns of what was received, then eight of what was sent; bytes first.
    const columns = counts.trim().split(/\s+/).map(Number);
    traffic.received += columns[0]!;
    traffic.sent += columns[8]!;
  }
  return traffic;
}

/** How long the machine has been up. */
export const uptimeMs = (): number => Number(readFile("/proc/uptime").split(" ")[0]) * 1000;

/** The memory of the machine, in bytes. */
export const totalMemory = (): number => kilobytes(readFile("/proc/meminfo"), "MemTotal")!;

/** Bytes that a process, and the children it has waited for, had read from and written to devices. */
export function readIo(pid: number): { readBytes: number; writtenBytes: number } | undefined {
  const text = readOfProcess(pid, "io");
  const count = (key: string) => Number(new RegExp(`^${key}: (\\d+)`, "m").exec(text!)?.[1] ?? 0);
  return text === undefined ? undefined : { readBytes: count("read_bytes"), writtenBytes: count("write_bytes") };
}

/** The most memory a process ever had at once (VmHWM), in bytes; undefined for one that has ended, or of the kernel. */
export const readPeak = (pid: number): number | undefined => kilobytes(readOfProcess(pid, "status"), "VmHWM");

/**
 * Memory of a process in bytes, with its share of what it has in common with others (Pss), so that the figures of several
 * processes may be added up.
 */
export const readShare = (pid: number): number | undefined => kilobytes(readOfProcess(pid, "smaps_rollup"), "Pss");

function kilobytes(text: string | undefined, key: string): number | undefined {
  const found = new RegExp(`^${key}:\\s+(\\d+) kB`, "m").exec(text ?? "")?.[1];
  return found === undefined ? undefined : Number(found) * 1024;
}
