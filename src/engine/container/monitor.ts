/** The monitor of one container: runs it, and starts it again as its restart policy says. */

import { Failure } from "../../errors.ts";
import { resetAttributes } from "../../linux/attributes.ts";
import { close, type Fd, O_RDWR, open } from "../../linux/file.ts";
import { dropProgramText } from "../../linux/memory.ts";
import { chdir } from "../../linux/mount.ts";
import { unlink } from "../../linux/names.ts";
import { type EventSource, poll } from "../../linux/poll.ts";
import { identify } from "../../linux/proc.ts";
import { dup2 } from "../../linux/process.ts";
import { watchTrees } from "../../linux/tree/watch.ts";
import { type Paths, pathsOf } from "../../paths.ts";
import { receiveFrame, sendFrame } from "../../runtime/channel.ts";
import { createLockFile } from "../../runtime/lock-file.ts";
import { connectToMonitor } from "../../runtime/monitor/stdio.ts";
import type { Io } from "../../runtime/run.ts";
import { keepNetwork } from "../network/keep.ts";
import {
  type ContainerRecord,
  type ContainerState,
  emitContainerEvent,
  type Health,
  readContainer,
  writeState,
} from "../record/container.ts";
import { cleaningUpFor } from "./delete.ts";
import { healthChecks } from "./health.ts";
import type { OnUnhealthy } from "./on-unhealthy.ts";
import { runToEnd, wasStopped } from "./start.ts";
import { launcherFd, receiveStartRequest } from "./start-request.ts";

/** Runs a container that was created, to its end. @returns the exit code. */
export function monitor(): number {
  // No directory of the caller's is kept busy, and nothing of the caller's shell makes it another monitor.
  chdir("/");
  resetAttributes();
  const request = receiveStartRequest();
  // Who wanted it is gone, or could not plan it and has said why.
  if (!request) return 125;
  const { record, state, plan, health, how, network } = request;
  const paths = pathsOf(request.root);
  watchTrees((done) => sendFrame(launcherFd, { control: { type: "working", ...(done && { done }) } }, { wait: false }));
  const stdio = {
    terminal: record.options.terminal,
    interactive: record.settings.interactive,
    stderrApart: how.stderrApart ?? false,
  };
  const io: Io = {
    to: "monitor",
    connect: (...given) => connectToMonitor(stdio, ...given),
    launcher: { socket: launcherFd, ...how },
  };
  let unhealthy: OnUnhealthy | undefined;
  const ended = runToEnd(paths, {
    plan,
    record,
    state,
    io,
    ...(network && { network: keepNetwork(paths, record.id, network, connectByLauncher, { soon: false }) }),
    onRecorded: () => {},
    onStarted: (update, started) => {
      leaveCaller();
      watchTrees(() => {});
      if (!health) return [restAt(performance.now() + restAfterMs)];
      const { onFailure = "none" } = record.settings.health ?? {};
      unhealthy = onFailure === "none" ? undefined : enforcerOf(paths, record, started, onFailure);
      const checks = healthChecks(
        started,
        health,
        recordHealth(paths, record, update, () => unhealthy?.act()),
        () => tellCheck(paths, record, health.command),
      );
      return unhealthy ? [checks, unhealthy] : [checks];
    },
    onEnded: (state) =>
      unhealthy?.wantsRestart() || wantsRestart(paths, record.id, state)
        ? { status: "restarting", monitor: identify(process.pid) }
        : {},
    // Once the program runs nobody hears us any more.
    warn: () => {},
  });
  if (ended.state.status === "restarting") restartLater(paths, record.id, ended.state);
  return ended.code;
}

/** The launcher connects the container, which waits for us anyway; we keep what was taken, and take the container off. */
function connectByLauncher(namespace: Fd): void {
  sendFrame(launcherFd, { control: { type: "network" } }, { fds: [namespace] });
  const answer = receiveFrame(launcherFd);
  if (!answer || !("control" in answer) || answer.control.type !== "connected") throw new LauncherGoneError();
}

/** Who started us has ended, and has said why if it could. */
export class LauncherGoneError extends Failure {
  constructor() {
    super("whoever started this container has ended");
  }
}

/** Loaded for who asked for it. */
const enforcerOf: typeof import("./on-unhealthy.ts").onUnhealthy = (...args) =>
  (require("./on-unhealthy.ts") as typeof import("./on-unhealthy.ts")).onUnhealthy(...args);

/** Writes down how it is and, when that is new, tells it. */
function recordHealth(
  paths: Paths,
  record: ContainerRecord,
  update: (change: { health: Health }) => void,
  onUnhealthy: () => void,
) {
  let reported: Health["status"] = "starting";
  return (health: Health): void => {
    update({ health });
    if (health.status === reported) return;
    reported = health.status;
    emitContainerEvent(paths, record, `health_status: ${health.status}`);
    if (health.status === "unhealthy") onUnhealthy();
  };
}

/** Loaded where there are health checks. */
const tellCheck: typeof import("./exec-events.ts").tellExec = (...args) =>
  (require("./exec-events.ts") as typeof import("./exec-events.ts")).tellExec(...args);

/** Our stderr was the caller's until now, for what might go wrong. */
function leaveCaller(): void {
  const nowhere = open("/dev/null", O_RDWR);
  for (const fd of [0, 1, 2]) dup2(nowhere, fd);
  close(nowhere);
}

/** By then what it took to start is done. */
const restAfterMs = 1000;

/** One moment after the start, gives back the memory that only the start needed. */
function restAt(atMs: number): EventSource {
  let timers = [
    {
      atMs,
      onTime: () => {
        timers = [];
        dropProgramText();
      },
    },
  ];
  return { watches: () => [], timers: () => timers, end: () => {} };
}

const firstDelayMs = 100;
const longestDelayMs = 60_000;
/** Who ran that long starts again with the first delay. */
const longEnoughMs = 10_000;
const pollMs = 100;

/** As Docker's: twice as long each time, until a run was a good one. */
export function restartDelayMs({ usage, restartDelayMs: last }: ContainerState): number {
  if (last === undefined || (usage?.wallMs ?? 0) >= longEnoughMs) return firstDelayMs;
  return Math.min(longestDelayMs, last * 2);
}

/** Waits, and has a new monitor start it. */
function restartLater(paths: Paths, id: string, state: ContainerState): void {
  const running = `${paths.running}/${id}`;
  const lock = createLockFile(running, "", cleaningUpFor(paths, id));
  const delayMs = restartDelayMs(state);
  const again = { ...state, restartCount: state.restartCount + 1, restartDelayMs: delayMs };
  writeState(paths, id, again);
  for (let waitedMs = 0; waitedMs < delayMs && !wasStopped(paths, id); waitedMs += pollMs) poll([], pollMs);
  if (wasStopped(paths, id)) writeState(paths, id, { ...again, status: "exited" });
  handOff(running, lock);
  // Loaded by those who need it: it can plan.
  const { startAgain } = require("./restart.ts") as typeof import("./restart.ts");
  startAgain(paths, id);
}

function handOff(running: string, lock: Fd): void {
  unlink(running);
  close(lock);
}

function wantsRestart(paths: Paths, id: string, state: ContainerState): boolean {
  // Read again: `update` may have changed the policy.
  const settings = readContainer(paths, id)?.record.settings;
  if (!settings || settings.remove || settings.restart.name === "no" || wasStopped(paths, id)) return false;
  if (settings.restart.name !== "on-failure") return true;
  const retriesLeft = settings.restart.maximumRetries === 0 || state.restartCount < settings.restart.maximumRetries;
  return state.exitCode !== 0 && retriesLeft;
}
