/** Says start to a container that waits for it. */

import { Failure } from "../../errors.ts";
import { O_NONBLOCK, O_WRONLY, open, owned, write } from "../../linux/file.ts";
import { unlink } from "../../linux/names.ts";
import { openProcess } from "../../linux/proc.ts";
import { runPoststartHooks, runStartHooks } from "./hooks.ts";
import { type ContainerState, lock, pathsOf, readState, statusOf } from "./state.ts";

/** @param warn of poststop hooks. @throws Failure unless it is created: of two that start it, one finds it running. */
export function startContainer(root: string, id: string, warn: (text: string) => void): void {
  using _ = owned(lock(root, id));
  const state = readState(root, id);
  const status = statusOf(root, state);
  if (status === "stopped") throw new Failure("cannot start a container that has stopped");
  if (status !== "created") throw new Failure(`cannot start an already running container: it is ${status}`);
  const { fifo } = pathsOf(root, id);
  using first = owned(openProcess(state.process));
  const orDestroy = hooksOrDestroy(root, state, warn);
  if (first) orDestroy(() => runStartHooks(state, { pid: state.process.pid, pidfd: first.fd }));
  using word = owned(open(fifo, O_WRONLY | O_NONBLOCK));
  write(word.fd, Uint8Array.of(0));
  unlink(fifo);
  orDestroy(() => runPoststartHooks(state, state.process.pid));
}

/** "If any [...] hook fails, the runtime MUST generate an error, stop the container, and continue the lifecycle at step 12": its end. */
const hooksOrDestroy =
  (root: string, state: ContainerState, warn: (text: string) => void) =>
  (run: () => void): void => {
    try {
      run();
    } catch (error) {
      const { endContainer, removeContainer } = require("./delete.ts") as typeof import("./delete.ts");
      endContainer(state);
      removeContainer(root, state).forEach(warn);
      throw error;
    }
  };
