/**
 * Ends that nobody waits for: of a container whose monitor was killed, which who sees its process go writes down; and of a command
 * that was left running in one.
 */

import { hasCode } from "../../errors.ts";
import { close, type Fd, owned } from "../../linux/file.ts";
import { exitOf } from "../../linux/pidfd-info.ts";
import type { EventSource } from "../../linux/poll.ts";
import { openProcess } from "../../linux/proc.ts";
import { signals } from "../../linux/signal.ts";
import type { Paths } from "../../paths.ts";
import type { Task } from "../../runtime/task.ts";
import {
  type Container,
  type ContainerRecord,
  emitContainerEvent,
  readContainer,
  writeState,
} from "../record/container.ts";
import { waitingForMonitor } from "../record/monitor-lock.ts";

/** What Docker shows where nobody knows the exit code. */
export const unknownCode = 255;
/** What is written down of an end that nobody saw. */
export const unseen = "its monitor was killed: its end was not seen";

const reapingMs = 200;
const pollMs = 5;

/**
 * Writes down how it ended if nobody else does. The kernel tells the exit code of
 * any process to whoever has its pidfd (since Linux 6.15), once its parent has taken note of it.
 * @param code if it is known.
 */
export function* noteEnd(paths: Paths, container: Container, pidfd: Fd, code?: number): Task<void> {
  // Whoever cleans up holds its lock for a moment, as a monitor would; and a monitor knows better.
  yield* waitingForMonitor(paths, container.record.id, container.state.process?.pid);
  if (code !== undefined) return recordUnseenEnd(paths, container, code);
  for (let waitedMs = 0; waitedMs < reapingMs; waitedMs += pollMs) {
    const exit = exitOf(pidfd);
    if (exit === "unknown") return;
    if (exit) return recordUnseenEnd(paths, container, exit.code ?? 128 + exit.signal!);
    yield { forMs: pollMs };
  }
}

/** Unless somebody else knows better. */
function recordUnseenEnd(paths: Paths, { record: { id }, state }: Container, exitCode: number): void {
  const now = readContainer(paths, id)?.state;
  const isKnown = now?.status !== "running" && now?.error !== unseen;
  if (!now || isKnown || now.started !== state.started) return;
  const finished = new Date().toISOString();
  try {
    writeState(paths, id, { ...now, status: "exited", exitCode, finished, error: "its monitor was killed" });
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error; // somebody has removed it
  }
}

/** Waits until it is gone, and writes down how. */
export function* waitingForEnd(paths: Paths, container: Container): Task<void> {
  using process = owned(container.state.process && openProcess(container.state.process));
  if (process === undefined) return;
  yield { fd: process.fd, forMs: -1 };
  yield* noteEnd(paths, container, process.fd);
}

/** So long its parent may take to wait for it: the host's process 1, which on some hosts looks only now and then. */
const longReapingMs = 5000;
const lookMs = 20;
/** Of one that ended no longer ago the container's end is the reason. */
const togetherMs = 200;

/**
 * Tells the end of a command that is nobody's child who could: whoever started it has gone, and has left us its pidfd. The
 * kernel tells how it ended (since Linux 6.15) once its parent has waited for it.
 */
export function watchExec(paths: Paths, record: ContainerRecord, execID: string, process: Fd): EventSource {
  let endedMs: number | undefined;
  let lookAtMs = 0;
  let told = false;
  const tell = (exitCode: number) => {
    told = true;
    close(process);
    emitContainerEvent(paths, record, "exec_die", { execID, exitCode: String(exitCode) });
  };
  /** @param otherwise what it is if nobody knows. */
  const look = (otherwise?: number) => {
    const exit = exitOf(process);
    if (exit && exit !== "unknown") tell(exit.code ?? 128 + exit.signal!);
    else if (otherwise !== undefined) tell(otherwise);
    else if (exit === "unknown" || performance.now() > endedMs! + longReapingMs) tell(unknownCode);
    else lookAtMs = performance.now() + lookMs;
  };
  const onReady = () => {
    endedMs = performance.now();
    look();
  };
  return {
    watches: () => (endedMs === undefined ? [{ fd: process, onReady }] : []),
    timers: () => (endedMs === undefined || told ? [] : [{ atMs: lookAtMs, onTime: () => look() }]),
    end: () => {
      if (told) return;
      // With process 1 the kernel ends all others.
      const isOlder = endedMs !== undefined && performance.now() - endedMs > togetherMs;
      look(isOlder ? unknownCode : 128 + signals.SIGKILL);
    },
  };
}
