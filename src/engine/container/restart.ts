/** Starting containers that were created or have ended. */

import { Failure, NotFoundError } from "../../errors.ts";
import { close, type Fd } from "../../linux/file.ts";
import type { Paths } from "../../paths.ts";
import { type Container, emitContainerEvent, findContainer, isUp, refuseDamaged } from "../record/container.ts";
import { withContainerLock } from "../record/container-lock.ts";
import { launch } from "./launch.ts";
import { recover } from "./recover.ts";
import { clearStopped, wasStopped } from "./start.ts";
import type { Attachment } from "./start-request.ts";
import { type StopOptions, stopContainer } from "./stop.ts";

/** Starts a container; one that is up stays so. @param use gets the socket to its monitor (attach.ts), and closes it. */
export function startContainer(
  paths: Paths,
  container: Container,
  how: Attachment,
  use: (socket: Fd) => void,
  warn: (text: string) => void,
): void {
  const { record } = container;
  const socket = withContainerLock(paths, record.id, (now) => {
    if (!now) throw new NotFoundError(`no such container: ${record.name}`);
    refuseDamaged(paths, now);
    // Also by somebody who had the lock before us.
    if (isUp(now) || now.status === "restarting") return undefined;
    recover(paths);
    clearStopped(paths, record.id);
    const launched = launch(paths, now, how, warn);
    if ("socket" in launched) return launched.socket;
    // Otherwise its monitor has said why.
    const why = launched.killed ? ": its monitor was killed" : "";
    throw new Failure(`container ${record.name} did not start${why}`);
  });
  if (socket !== undefined) use(socket);
}

/** Starts a container that has ended by itself, unless it was removed, stopped or started since. */
export function startAgain(paths: Paths, id: string): void {
  const isUnwanted = () => wasStopped(paths, id);
  const again = (now: Container | undefined) => {
    if (!now || isUp(now) || now.status === "damaged" || isUnwanted()) return;
    const launched = launch(paths, now, { attached: false, stdin: false }, () => {});
    if ("socket" in launched) close(launched.socket);
  };
  // Who removes it waits for us.
  withContainerLock(paths, id, again, isUnwanted);
}

/** Stops a container if it is up, and starts it. */
export function restartContainer(
  paths: Paths,
  container: Container,
  stop: StopOptions,
  use: (socket: Fd) => void,
  warn: (text: string) => void,
): void {
  const { id } = container.record;
  stopContainer(paths, container, stop);
  startContainer(paths, findContainer(paths, id), { attached: false, stdin: false }, use, warn);
  emitContainerEvent(paths, container.record, "restart");
}
