/** `--timeout`: the end of a container that has run for as long as it may. */

import { killCgroup } from "../../linux/cgroup.ts";
import { pidfdSendSignal } from "../../linux/clone.ts";
import { owned } from "../../linux/file.ts";
import type { EventSource } from "../../linux/poll.ts";
import { openProcess } from "../../linux/proc.ts";
import { signals } from "../../linux/signal.ts";
import type { Paths } from "../../paths.ts";
import { type ContainerRecord, type ContainerState, emitContainerEvent } from "../record/container.ts";

/** Kills it, with all that it has started, once that many seconds are over. @param state of this start. */
export function killAfter(
  paths: Paths,
  record: ContainerRecord,
  { process, cgroup }: ContainerState,
  seconds: number,
): EventSource {
  const kill = () => {
    timers = [];
    emitContainerEvent(paths, record, "kill", { signal: String(signals.SIGKILL) });
    if (cgroup !== undefined) killCgroup(cgroup);
    using first = owned(process && openProcess(process));
    if (first) pidfdSendSignal(first.fd, signals.SIGKILL);
  };
  let timers = [{ atMs: performance.now() + seconds * 1000, onTime: kill }];
  return { watches: () => [], timers: () => timers, end: () => {} };
}
