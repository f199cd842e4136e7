/** The socket of a container's monitor, in the container's directory. */

import { type Fd, O_DIRECTORY, O_PATH, openIfAny, owned } from "../../linux/file.ts";
import { POLLIN, poll } from "../../linux/poll.ts";
import { connectAt } from "../../linux/unix.ts";
import type { Paths } from "../../paths.ts";
import { receiveFrame, sendFrame } from "../../runtime/channel.ts";
import { controlSocket } from "../../runtime/run.ts";
import { directoryOf } from "./container.ts";

/** Connects to the monitor of a running container, or undefined where there is none. */
export function connectToContainer(paths: Paths, id: string): Fd | undefined {
  using directory = owned(openIfAny(directoryOf(paths, id), O_PATH | O_DIRECTORY));
  return directory && connectAt(directory.fd, controlSocket);
}

const syncMs = 2000;

/** Waits until a container's monitor has done what was asked of it by those who are gone by now; not for one that hangs. */
export function syncMonitor(paths: Paths, id: string): void {
  using monitor = owned(connectToContainer(paths, id));
  if (!monitor || sendFrame(monitor.fd, { control: { type: "sync" } }, { wait: false }) !== "sent") return;
  const answer = { fd: monitor.fd, events: POLLIN, happened: 0 };
  poll([answer], syncMs);
  if (answer.happened !== 0) receiveFrame(monitor.fd);
}

/** Leaves a command that was started in the container to its monitor, which tells how it ends; where there is none, nobody does. */
export function leaveExec(paths: Paths, id: string, execId: string, process: Fd): void {
  using monitor = owned(connectToContainer(paths, id));
  if (monitor) sendFrame(monitor.fd, { control: { type: "exec", execId } }, { fds: [process] });
}
