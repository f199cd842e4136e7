/** Starting containers that were created or have ended. */

import { Failure } from "../errors.ts";
import type { Paths } from "../paths.ts";
import { type Attachment, launch } from "./launch.ts";
import { type Container, findContainer, isUp, tell } from "./record.ts";
import { clearStopped } from "./start.ts";
import { type StopOptions, stopContainer } from "./stop.ts";

/** Starts a container; one that is up stays so. @param use gets the socket to its monitor (attach.ts), and closes it. */
export function startContainer(
  paths: Paths,
  container: Container,
  how: Attachment,
  use: (socket: number) => void,
): void {
  if (isUp(container) || container.status === "restarting") return;
  const { record } = container;
  clearStopped(paths, record.id);
  const launched = launch(paths, record.id, how);
  if ("failed" in launched) {
    // Otherwise its monitor has said why.
    const why = launched.killed ? ": its monitor was killed" : "";
    throw new Failure(`container ${record.name} did not start${why}`);
  }
  use(launched.socket);
}

/** Stops a container if it is up, and starts it. */
export function restartContainer(
  paths: Paths,
  container: Container,
  stop: StopOptions,
  use: (socket: number) => void,
): void {
  const { id } = container.record;
  stopContainer(paths, container, stop);
  startContainer(paths, findContainer(paths, id), { attached: false, stdin: false }, use);
  tell(paths, container.record, "restart");
}
