/** Says start to a container that waits for it. */

import { Failure } from "../../errors.ts";
import { O_NONBLOCK, O_WRONLY, open, owned, unlink, write } from "../../linux/file.ts";
import { lock, pathsOf, readState, statusOf } from "./state.ts";

/** @throws Failure unless it is created: of two that start it, one finds it running. */
export function startContainer(root: string, id: string): void {
  using _ = owned(lock(root, id));
  const status = statusOf(root, readState(root, id));
  if (status === "stopped") throw new Failure("cannot start a container that has stopped");
  if (status !== "created") throw new Failure(`cannot start an already running container: it is ${status}`);
  const { fifo } = pathsOf(root, id);
  using word = owned(open(fifo, O_WRONLY | O_NONBLOCK));
  write(word.fd, Uint8Array.of(0));
  unlink(fifo);
}
