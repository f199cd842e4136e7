/** A process of a container that another has made: one of `exec`, or the first in a user namespace. */

import { Failure } from "../errors.ts";
import { wait } from "../linux/clone.ts";
import { close, type Fd, type Owned } from "../linux/file.ts";
import { syscallError } from "../linux/libc.ts";
import { pidfdOpen } from "../linux/proc.ts";
import { readStat } from "../linux/procfs.ts";
import type { Launched } from "../linux/program/launch.ts";
import type { Slot } from "../linux/program/record.ts";
import type { InitStep } from "../plan/init-step.ts";
import { failures, hasExecuted, killed, type Starting, talkOf } from "./follow.ts";

/**
 * Waits until the intermediate process has made the other. @param pid where it has written its number. @param steps of the other.
 * @param socket handed on with it. @throws StartError, or SyscallError for a process that cannot be made.
 */
export function startThrough(
  { pidfd: intermediate, assembled }: Launched,
  pid: Slot,
  steps: InitStep[],
  socket: Owned,
): Starting {
  const ended = wait({ pidfd: intermediate })?.exit;
  close(intermediate);
  if (ended?.code !== 0) {
    const failed = failures().readFailure(assembled, [assembled.frame], steps);
    assembled.arena.unmap();
    if (!failed?.errno) throw killed(failed);
    if (failed.step === "clone-sibling")
      throw syscallError("clone", "a process into the container's cgroup", failed.errno);
    throw failures().startError(failed);
  }
  const number = assembled.arena.i32[pid.at >> 2] ?? 0;
  const child = { pid: number, pidfd: childOf(number) };
  return {
    child,
    socket: socket.handOff(),
    ...talkOf(steps),
    failure: () => failures().readFailure(assembled, assembled.others, steps),
    executed: () => hasExecuted(assembled, assembled.others),
    unmap: () => assembled.arena.unmap(),
  };
}

/** A descriptor of our child. Its number stood where a stranger may have written by now: so we look whether it is one. */
function childOf(pid: number): Fd {
  if (pid > 0 && readStat(pid)?.parent === process.pid) return pidfdOpen(pid);
  throw new Failure("the way into the container was closed");
}
