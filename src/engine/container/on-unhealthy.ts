/** `--health-on-failure`: what the monitor does once a container has become unhealthy. It starts it and never waits for it. */

import { killCgroup } from "../../linux/cgroup.ts";
import { close, type Fd } from "../../linux/file.ts";
import type { EventSource, Timer } from "../../linux/poll.ts";
import { openProcess } from "../../linux/proc.ts";
import { signals } from "../../linux/signal.ts";
import type { Paths } from "../../paths.ts";
import type { HealthAction } from "../../plan/health.ts";
import { type ContainerRecord, type ContainerState, emitContainerEvent } from "../record/container.ts";
import { defaultStopTimeoutS, recordStop, signalFirst, stopSignalOf } from "./stop-signal.ts";

export interface OnUnhealthy extends EventSource {
  /** It has become unhealthy. */
  act(): void;
  /** It was ended to be started again. */
  wantsRestart(): boolean;
}

/** @param state of the container that runs. */
export function onUnhealthy(
  paths: Paths,
  record: ContainerRecord,
  { process, cgroup }: ContainerState,
  action: HealthAction,
): OnUnhealthy {
  let timers: Timer[] = [];
  let pidfd: Fd | undefined;
  const send = (signal: number) => {
    emitContainerEvent(paths, record, "kill", { signal: String(signal) });
    if (signal === signals.SIGKILL && cgroup !== undefined) killCgroup(cgroup);
    if (pidfd !== undefined) signalFirst(paths, record, pidfd, signal);
  };
  const kill = () => {
    timers = [];
    send(signals.SIGKILL);
  };
  let isRestart = false;
  return {
    act: () => {
      pidfd ??= process && openProcess(process);
      if (action === "kill") return kill();
      if (action === "stop") recordStop(paths, record.id);
      isRestart = action === "restart";
      send(stopSignalOf(record));
      const timeoutS = record.settings.stopTimeoutS ?? defaultStopTimeoutS;
      if (timeoutS >= 0) timers = [{ atMs: performance.now() + timeoutS * 1000, onTime: kill }];
    },
    wantsRestart: () => isRestart,
    watches: () => [],
    timers: () => timers,
    end: () => {
      timers = [];
      if (pidfd !== undefined) close(pidfd);
      pidfd = undefined;
    },
  };
}
