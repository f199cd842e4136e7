/** Other processes, told apart beyond doubt: a number alone may have been given to another since (pidfd_open(2), proc(5)). */

import { ESRCH } from "./errno.ts";
import { type Fd, owned, readFile } from "./file.ts";
import { allow, check, syscall } from "./libc.ts";
import { readStat, tickMs } from "./procfs.ts";

/** A process by its number, when it was started, and in which life of the machine. */
export interface ProcessId {
  pid: number;
  /** Clock ticks since the machine started. */
  startTicks: number;
  bootId: string;
}

export const bootId = (): string => readFile("/proc/sys/kernel/random/boot_id").trim();

/** Undefined if there is no such process, or it is only there to be waited for. */
function startTicksOf(pid: number): number | undefined {
  const stat = readStat(pid);
  return stat === undefined || stat.state === "Z" || stat.state === "X" ? undefined : stat.startMs / tickMs;
}

/** Who a living process is, so that it can be found again. */
export const identify = (pid: number): ProcessId => ({ pid, startTicks: startTicksOf(pid) ?? 0, bootId: bootId() });

/** pidfd_open(2) of exactly this process, or undefined if it has ended. */
export function openProcess({ pid, startTicks, bootId: boot }: ProcessId): Fd | undefined {
  if (boot !== bootId()) return undefined;
  const result = allow([ESRCH], "open", `process ${pid}`, syscall("pidfd_open", pid, 0));
  if (result === -1) return undefined;
  using pidfd = owned(result as Fd);
  // Asked after the descriptor is there: from now on the number cannot come to mean another.
  return startTicksOf(pid) === startTicks ? pidfd.handOff() : undefined;
}

/** pidfd_open(2) of a child of ours that nobody has waited for: until then its number is its own. */
export const pidfdOpen = (pid: number): Fd => check("open", `process ${pid}`, syscall("pidfd_open", pid, 0)) as Fd;
