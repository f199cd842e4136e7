/** Ending containers: by their stop signal and, for those that do not care, by SIGKILL. */

import { ConflictError, hasCode } from "../../errors.ts";
import { killCgroup } from "../../linux/cgroup.ts";
import { pidfdSendSignal } from "../../linux/clone.ts";
import { close, type Fd, owned, readFileIfAny, statIfAny, writeFileAtomic, writeSetting } from "../../linux/file.ts";
import { POLLIN, poll } from "../../linux/poll.ts";
import { openProcess } from "../../linux/proc.ts";
import { hasSignal } from "../../linux/procfs.ts";
import { signals } from "../../linux/signal.ts";
import type { Paths } from "../../paths.ts";
import { receiveFrame } from "../../runtime/channel.ts";
import {
  type Container,
  type ContainerRecord,
  emitContainerEvent,
  findContainer,
  isUp,
  readContainer,
  refuseDamaged,
  waitForMonitor,
} from "../record/container.ts";
import { connectToContainer } from "../record/monitor-socket.ts";
import { recover } from "./recover.ts";
import { parseSignal, signalName } from "./signals.ts";
import { stopFile } from "./start.ts";
import { endDamaged, mayRun } from "./stop-damaged.ts";

export interface StopOptions {
  /** Instead of the container's own. */
  signal?: number;
  /** How long it may take; without, the container's own time, or 10 s. -1 waits for ever. */
  timeoutS?: number;
  /** Do not wait for a program that will not notice. */
  killIfIgnored?: boolean;
  warn(text: string): void;
}

const defaultTimeoutS = 10;

/** Stops a container and waits until it is down. One that is not up is left as it is. */
export function stopContainer(paths: Paths, container: Container, options: StopOptions): void {
  const { record } = container;
  const goesOn = (now: Container | undefined): now is Container =>
    now !== undefined && (isUp(now) || now.status === "restarting");
  const isDamaged = mayRun(paths, container);
  if (!isDamaged) refuseDamaged(paths, container);
  if (!goesOn(container) && !isDamaged) return;
  recordStop(paths, record.id);
  if (isDamaged) endDamaged(paths, container, signalOf(container, options), timeoutOf(container, options));
  // Its policy may have started it again, before that was written down.
  for (let now: Container | undefined = container; goesOn(now); now = readContainer(paths, record.id))
    stopOnce(paths, now, options);
  emitContainerEvent(paths, record, "stop");
}

/** Ends what runs; where nothing does just now, its monitor writes down the end, or looks whether it is to stop. */
function stopOnce(paths: Paths, container: Container, options: StopOptions): void {
  const { record, state } = container;
  const pidfd = openFirst(container);
  if (pidfd === undefined) {
    poll([], 50);
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
  pidfdSendSignal(pidfd, signal);
  const waitMs = ignored && options.killIfIgnored ? 0 : timeoutS < 0 ? -1 : timeoutS * 1000;
  if (!ends(pidfd, waitMs)) {
    if (signal !== signals.SIGKILL) emitKill(paths, record, signals.SIGKILL);
    killAll(container, pidfd);
  }
  close(pidfd);
  waitUntilDown(paths, record.id);
}

const signalOf = (container: Container, { signal = stopSignalOf(container) }: StopOptions): number => signal;

const timeoutOf = ({ record }: Container, { timeoutS }: StopOptions): number =>
  timeoutS ?? record.settings.stopTimeoutS ?? defaultTimeoutS;

/** Writes down that a user wants it stopped, for its restart policy. */
function recordStop(paths: Paths, id: string): void {
  try {
    writeFileAtomic(stopFile(paths, id), "");
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error; // with --rm it may be gone by now
  }
}

/** Sends a signal to process 1. */
export function signalContainer(paths: Paths, container: Container, signal: number): void {
  const { record } = container;
  using first = owned(openFirst(container));
  if (first === undefined) throw new ConflictError(`container ${record.name} is not running`);
  // As Docker has it: killed by hand, it is not to come up again by itself.
  if (signal === signals.SIGKILL || signal === stopSignalOf(container)) recordStop(paths, record.id);
  emitKill(paths, record, signal);
  if (signal === signals.SIGKILL) killAll(container, first.fd);
  else pidfdSendSignal(first.fd, signal);
  if (signal === signals.SIGKILL) waitUntilDown(paths, record.id);
}

/** Its first process, while it is up. */
const openFirst = (container: Container): Fd | undefined =>
  isUp(container) && container.state.process ? openProcess(container.state.process) : undefined;

const emitKill = (paths: Paths, record: ContainerRecord, signal: number): void =>
  emitContainerEvent(paths, record, "kill", { signal: String(signal) });

/** All that happened to it is written down, and its traces are gone. */
function waitUntilDown(paths: Paths, id: string): void {
  waitForMonitor(paths, id);
  // One whose monitor was killed has nobody but us.
  recover(paths);
}

function stopSignalOf({ record }: Container): number {
  const name = record.settings.stopSignal ?? record.defaults.StopSignal;
  return name ? parseSignal(name) : signals.SIGTERM;
}

/** @param waitMs -1 waits for ever. */
function ends(pidfd: Fd, waitMs: number): boolean {
  const interest = { fd: pidfd, events: POLLIN, happened: 0 };
  poll([interest], waitMs);
  return interest.happened !== 0;
}

function killAll({ state }: Container, pidfd: Fd): void {
  if (state.cgroup !== undefined) killCgroup(state.cgroup);
  pidfdSendSignal(pidfd, signals.SIGKILL);
  ends(pidfd, -1);
}

/** True if process 1 has no handler for a signal that would end any other process: the kernel drops it (pid_namespaces(7)). */
const ignores = (pid: number, signal: number): boolean => hasSignal(pid, signal, ["Blk", "Cgt"]) === false;

/** Freezes every process of a container where it is (cgroup.freeze). */
export function pauseContainer(paths: Paths, container: Container): void {
  const { record, state, status } = container;
  if (status === "paused") throw new ConflictError(`container ${record.name} is paused already`);
  if (!isUp(container) || state.cgroup === undefined)
    throw new ConflictError(`container ${record.name} is not running`);
  try {
    writeSetting(`${state.cgroup}/cgroup.freeze`, "1");
  } catch (error) {
    // It has ended in this moment.
    if (!hasCode(error, "ENOENT", "ENODEV")) throw error;
    throw new ConflictError(`container ${record.name} is not running`);
  }
  waitForFreeze(state.cgroup);
  emitContainerEvent(paths, record, "pause");
}

const freezeLimitMs = 2000;

/** A process in the middle of a system call freezes when that is over. */
function waitForFreeze(cgroup: string): void {
  for (let waitedMs = 0; waitedMs < freezeLimitMs; waitedMs++) {
    if (/^frozen 1$/m.test(readFileIfAny(`${cgroup}/cgroup.events`) ?? "frozen 1")) return;
    poll([], 1);
  }
}

export function unpauseContainer(paths: Paths, container: Container): void {
  if (container.status !== "paused") throw new ConflictError(`container ${container.record.name} is not paused`);
  thaw(container);
  emitContainerEvent(paths, container.record, "unpause");
}

function thaw({ state: { cgroup } }: Container): void {
  if (cgroup !== undefined && statIfAny(`${cgroup}/cgroup.freeze`)) writeSetting(`${cgroup}/cgroup.freeze`, "0");
}

/** Waits until a container is down. @returns its exit code. */
export function waitForContainer(paths: Paths, reference: string): number {
  for (;;) {
    const container = findContainer(paths, reference);
    const { status, state, record } = container;
    if (status === "unknown") {
      const pidfd = openProcess(state.process!);
      if (pidfd !== undefined) ends(pidfd, -1);
      recover(paths);
    } else if (isUp(container)) {
      const code = hearTheEnd(paths, record.id);
      waitForMonitor(paths, record.id);
      if (code !== undefined) return code;
    } else if (status === "restarting") poll([], 50);
    else {
      // Its end is written down a moment before the last of its log is.
      waitForMonitor(paths, record.id);
      return state.exitCode ?? 0;
    }
  }
}

/** The exit code from its monitor itself, as one that was started with --rm leaves no other. */
function hearTheEnd(paths: Paths, id: string): number | undefined {
  using socket = owned(connectToContainer(paths, id));
  if (socket === undefined) return undefined;
  for (let frame = receiveFrame(socket.fd); frame; frame = receiveFrame(socket.fd))
    if ("control" in frame && frame.control.type === "exit") return frame.control.code;
  return undefined;
}
