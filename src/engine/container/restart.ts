/** Starting containers that were created or have ended. */

import { explain, Failure, NotFoundError } from "../../errors.ts";
import { close, type Fd } from "../../linux/file.ts";
import type { Paths } from "../../paths.ts";
import type { Task } from "../../runtime/task.ts";
import {
  type Container,
  emitContainerEvent,
  findContainer,
  isUp,
  refuseDamaged,
  writeState,
} from "../record/container.ts";
import { lockingContainer, withContainerLock } from "../record/container-lock.ts";
import { launch } from "./launch.ts";
import { recover } from "./recover.ts";
import { clearStopped, wasStopped } from "./start.ts";
import type { Attachment } from "./start-request.ts";
import { type StopOptions, stopping } from "./stop.ts";

/** Starts a container; one that is up stays so. @param use gets the socket to its monitor (attach.ts), and closes it. */
export function* starting(
  paths: Paths,
  { record }: Container,
  how: Attachment,
  use: (socket: Fd) => void,
  warn: (text: string) => void,
): Task<void> {
  const start = (now: Container | undefined): Fd | undefined => {
    if (!now) throw new NotFoundError(`no such container: ${record.name}`);
    refuseDamaged(paths, now);
    // Also by somebody who had the lock before us.
    if (now.status === "unknown") keepNetwork(paths, now);
    if (isUp(now) || now.status === "restarting") return undefined;
    recover(paths);
    clearStopped(paths, record.id);
    // Its policy counts from here on.
    const { restartDelayMs: _, ...state } = now.state;
    const launched = launch(paths, { record: now.record, state: { ...state, restartCount: 0 } }, how, warn);
    if ("socket" in launched) return launched.socket;
    // Otherwise its monitor has said why.
    const why = launched.killed ? ": its monitor was killed" : "";
    throw new Failure(`container ${record.name} did not start${why}`);
  };
  let socket: Fd | undefined;
  {
    using lock = yield* lockingContainer(paths, record.id);
    socket = start(lock.now);
  }
  if (socket !== undefined) use(socket);
}

/** It runs without its monitor: what can be brought back of that is its network. */
function keepNetwork(paths: Paths, container: Container): void {
  const { startKeeper } = require("../network/keeper.ts") as typeof import("../network/keeper.ts");
  startKeeper(paths, container);
}

/** Starts a container that has ended by itself, unless it was removed, stopped or started since. */
export function startAgain(paths: Paths, id: string): void {
  const isUnwanted = () => wasStopped(paths, id);
  const again = (now: Container | undefined) => {
    if (!now || isUp(now) || now.status === "damaged") return;
    // Said in the moment when its monitor had stopped waiting.
    if (isUnwanted()) return writeState(paths, id, { ...now.state, status: "exited" });
    try {
      const launched = launch(paths, now, { attached: false, stdin: false }, () => {});
      if ("socket" in launched) close(launched.socket);
    } catch (error) {
      // Whose namespace it shares may have ended: nobody hears us, but inspect can tell.
      writeState(paths, id, { ...now.state, status: "exited", error: explain(error).text });
      throw error;
    }
  };
  // Who removes it waits for us.
  withContainerLock(paths, id, again, isUnwanted);
}

/** Stops a container if it is up, and starts it. */
export function* restarting(
  paths: Paths,
  container: Container,
  stop: StopOptions,
  use: (socket: Fd) => void,
  warn: (text: string) => void,
): Task<void> {
  const { id } = container.record;
  yield* stopping(paths, container, stop);
  yield* starting(paths, findContainer(paths, id), { attached: false, stdin: false }, use, warn);
  emitContainerEvent(paths, container.record, "restart");
}
