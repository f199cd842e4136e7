/** Ending a container whose files do not tell what its processes are: its monitor still knows, and its cgroup has them. */

import { ConflictError } from "../../errors.ts";
import { killCgroup } from "../../linux/cgroup.ts";
import { pidfdSendSignal } from "../../linux/clone.ts";
import { owned } from "../../linux/file.ts";
import { openProcess } from "../../linux/proc.ts";
import { signals } from "../../linux/signal.ts";
import type { Paths } from "../../paths.ts";
import { sendFrame } from "../../runtime/channel.ts";
import type { Task } from "../../runtime/task.ts";
import { type Container, isAlive } from "../record/container.ts";
import { readLockFile } from "../record/lock-file.ts";
import { hasMonitor } from "../record/monitor-lock.ts";
import { connectToContainer } from "../record/monitor-socket.ts";
import { recover } from "./recover.ts";

const pollMs = 20;
const killLimitMs = 10_000;

/** True for a damaged container that has a process, or somebody its monitor. */
export const mayRun = (paths: Paths, { record, state, status }: Container): boolean =>
  status === "damaged" && (hasMonitor(paths, record.id) || isAlive(state));

/**
 * Sends the signal, and SIGKILL after a while. Its monitor then writes down how it ended: a state that was damaged is whole again.
 * @param timeoutS -1 waits for ever. @throws ConflictError if nothing leads to its processes.
 */
export function* endDamaged(paths: Paths, container: Container, signal: number, timeoutS: number): Task<void> {
  sendSignal(paths, container, signal);
  const isKilled = signal === signals.SIGKILL;
  if (!(yield* endsWithin(paths, container, isKilled ? killLimitMs : timeoutS * 1000))) {
    if (!isKilled) sendSignal(paths, container, signals.SIGKILL);
    if (isKilled || !(yield* endsWithin(paths, container, killLimitMs)))
      throw new ConflictError(`container ${container.record.name} is damaged, and nothing tells what runs in it`);
  }
  recover(paths);
}

function* endsWithin(paths: Paths, container: Container, limitMs: number): Task<boolean> {
  for (let waitedMs = 0; mayRun(paths, container); waitedMs += pollMs) {
    if (limitMs >= 0 && waitedMs >= limitMs) return false;
    yield { forMs: pollMs };
  }
  return true;
}

function sendSignal(paths: Paths, { record: { id }, state }: Container, signal: number): void {
  const cgroup = signal === signals.SIGKILL ? (readLockFile(paths, id)?.cgroup ?? state.cgroup) : undefined;
  if (cgroup !== undefined) killCgroup(cgroup);
  using pidfd = owned(state.process && openProcess(state.process));
  if (pidfd) {
    pidfdSendSignal(pidfd.fd, signal);
    return;
  }
  using socket = owned(connectToContainer(paths, id));
  if (socket) sendFrame(socket.fd, { control: { type: "signal", signal } });
}
