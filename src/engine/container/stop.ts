/** Ending containers: by their stop signal and, for those that do not care, by SIGKILL. */

import { ConflictError } from "../../errors.ts";
import { killCgroup } from "../../linux/cgroup.ts";
import { pidfdSendSignal } from "../../linux/clone.ts";
import { type Fd, owned } from "../../linux/file.ts";
import { openProcess } from "../../linux/proc.ts";
import { hasSignal, isFirst } from "../../linux/procfs.ts";
import { signals } from "../../linux/signal.ts";
import { signalName } from "../../linux/signal-name.ts";
import type { Paths } from "../../paths.ts";
import type { Task } from "../../runtime/task.ts";
import {
  type Container,
  type ContainerRecord,
  emitContainerEvent,
  isUp,
  readContainer,
  refuseDamaged,
} from "../record/container.ts";
import { waitingForMonitor } from "../record/monitor-lock.ts";
import { thaw } from "./pause.ts";
import { recover } from "./recover.ts";
import { endDamaged, mayRun } from "./stop-damaged.ts";
import { defaultStopTimeoutS, recordStop, signalFirst, stopSignalOf } from "./stop-signal.ts";
import { noteEnd } from "./unseen-end.ts";

export interface StopOptions {
  /** Instead of the container's own. */
  signal?: number;
  /** How long it may take; without, the container's own time, or 10 s. -1 waits for ever. */
  timeoutS?: number;
  /** Do not wait for a program that will not notice. */
  killIfIgnored?: boolean;
  /** It is removed right after: as with Docker, no stop is told. */
  removes?: boolean;
  warn(text: string): void;
}

const pollMs = 50;

/** Stops a container and waits until it is down. One that is not up is left as it is. */
export function* stopping(paths: Paths, container: Container, options: StopOptions): Task<void> {
  const { record } = container;
  const goesOn = (now: Container | undefined): now is Container =>
    now !== undefined && (isUp(now) || now.status === "restarting");
  const isDamaged = mayRun(paths, container);
  if (!isDamaged) refuseDamaged(paths, container);
  if (!goesOn(container) && !isDamaged) return;
  const isRecorded = recordStop(paths, record.id);
  if (isDamaged) yield* endDamaged(paths, container, signalOf(container, options), timeoutOf(container, options));
  // Its policy may have started it again, before that was written down.
  for (let now: Container | undefined = container; goesOn(now); now = readContainer(paths, record.id)) {
    yield* stopOnce(paths, now, options);
    if (isRecorded) continue;
    if (record.settings.restart.name !== "no")
      options.warn(`nothing can be written: the restart policy of ${record.name} may start it again`);
    break;
  }
  if (!options.removes) emitContainerEvent(paths, record, "stop");
}

/** Ends what runs; where nothing does just now, its monitor writes down the end, or looks whether it is to stop. */
function* stopOnce(paths: Paths, container: Container, options: StopOptions): Task<void> {
  const { record, state } = container;
  using first = owned(openFirst(container));
  if (first === undefined) {
    yield { forMs: pollMs };
    recover(paths);
    return;
  }
  const signal = signalOf(container, options);
  const timeoutS = timeoutOf(container, options);
  thaw(container);
  const ignored = signal !== signals.SIGKILL && ignores(state.process!.pid, signal);
  if (ignored && !options.killIfIgnored && timeoutS !== 0) {
    const wait = timeoutS < 0 ? "waiting for it to end by itself" : `waiting ${timeoutS} s before SIGKILL`;
    options.warn(
      `process 1 of ${record.name} has no handler for ${signalName(signal)}, so the kernel drops it: ${wait} (--kill-ignored does not wait; \`run --init\` passes signals on)`,
    );
  }
  emitKill(paths, record, signal);
  signalFirst(paths, record, first.fd, signal);
  const waitMs = ignored && options.killIfIgnored ? 0 : timeoutS < 0 ? -1 : timeoutS * 1000;
  if (!(yield { fd: first.fd, forMs: waitMs })) {
    if (signal !== signals.SIGKILL) emitKill(paths, record, signals.SIGKILL);
    yield* killAll(paths, container, first.fd);
  } else yield* noteEnd(paths, container, first.fd, signal === signals.SIGKILL ? 128 + signal : undefined);
  yield* waitUntilDown(paths, record.id);
}

const signalOf = (container: Container, { signal = stopSignalOf(container.record) }: StopOptions): number => signal;

const timeoutOf = ({ record }: Container, { timeoutS }: StopOptions): number =>
  timeoutS ?? record.settings.stopTimeoutS ?? defaultStopTimeoutS;

/**
 * Sends a signal to process 1. One that is down for a moment, until its policy starts it again, stays down if the signal would
 * have ended it for good.
 */
export function* signalling(paths: Paths, container: Container, signal: number): Task<void> {
  const { record, status } = container;
  // As Docker has it: killed by hand, it is not to come up again by itself.
  const isFinal = signal === signals.SIGKILL || signal === stopSignalOf(container.record);
  using first = owned(openFirst(container));
  if (first === undefined && status === "restarting" && isFinal) {
    recordStop(paths, record.id);
    return yield* waitUntilDown(paths, record.id);
  }
  if (first === undefined) throw new ConflictError(`container ${record.name} is not running`);
  if (isFinal) recordStop(paths, record.id);
  emitKill(paths, record, signal);
  if (signal !== signals.SIGKILL) return signalFirst(paths, record, first.fd, signal);
  yield* killAll(paths, container, first.fd);
  yield* waitUntilDown(paths, record.id);
}

/** Its first process, while it is up. */
const openFirst = (container: Container): Fd | undefined =>
  isUp(container) && container.state.process ? openProcess(container.state.process) : undefined;

const emitKill = (paths: Paths, record: ContainerRecord, signal: number): void =>
  emitContainerEvent(paths, record, "kill", { signal: String(signal) });

/** All that happened to it is written down, and its traces are gone. */
function* waitUntilDown(paths: Paths, id: string): Task<void> {
  yield* waitingForMonitor(paths, id);
  // One whose monitor was killed has nobody but us.
  recover(paths);
}

function* killAll(paths: Paths, container: Container, pidfd: Fd): Task<void> {
  const { cgroup } = container.state;
  if (container.record.settings.runtime) signalFirst(paths, container.record, pidfd, signals.SIGKILL);
  if (cgroup !== undefined) killCgroup(cgroup);
  pidfdSendSignal(pidfd, signals.SIGKILL);
  yield { fd: pidfd, forMs: -1 };
  yield* noteEnd(paths, container, pidfd, 128 + signals.SIGKILL);
}

/** True if process 1 has no handler for a signal that would end any other process: the kernel drops it (pid_namespaces(7)). */
const ignores = (pid: number, signal: number): boolean =>
  isFirst(pid) && hasSignal(pid, signal, ["Blk", "Cgt"]) === false;
