/** Starting containers that were created or have ended. */

import { Failure } from "../errors.ts";
import { close } from "../linux/file.ts";
import type { Paths } from "../paths.ts";
import { launch } from "./launch.ts";
import type { Attachment } from "./order.ts";
import { type Container, findContainer, isUp, readContainer, tell } from "./record.ts";
import { recover } from "./recover.ts";
import { clearStopped, wasStopped } from "./start.ts";
import { type StopOptions, stopContainer } from "./stop.ts";

/** Starts a container; one that is up stays so. @param use gets the socket to its monitor (attach.ts), and closes it. */
export function startContainer(
  paths: Paths,
  container: Container,
  how: Attachment,
  use: (socket: number) => void,
  warn: (text: string) => void,
): void {
  if (isUp(container) || container.status === "restarting") return;
  const { record } = container;
  recover(paths);
  clearStopped(paths, record.id);
  const launched = launch(paths, container, how, warn);
  if ("failed" in launched) {
    // Otherwise its monitor has said why.
    const why = launched.killed ? ": its monitor was killed" : "";
    throw new Failure(`container ${record.name} did not start${why}`);
  }
  use(launched.socket);
}

/** Starts a container that has ended by itself, unless it was removed or stopped since. */
export function startAgain(paths: Paths, id: string): void {
  const container = wasStopped(paths, id) ? undefined : readContainer(paths, id);
  if (!container) return;
  const launched = launch(paths, container, { attached: false, stdin: false }, () => {});
  if ("socket" in launched) close(launched.socket);
}

/** Stops a container if it is up, and starts it. */
export function restartContainer(
  paths: Paths,
  container: Container,
  stop: StopOptions,
  use: (socket: number) => void,
  warn: (text: string) => void,
): void {
  const { id } = container.record;
  stopContainer(paths, container, stop);
  startContainer(paths, findContainer(paths, id), { attached: false, stdin: false }, use, warn);
  tell(paths, container.record, "restart");
}
