/** Says start to a container that waits for it. */

import { Failure } from "../../errors.ts";
import { pidfdSendSignal } from "../../linux/clone.ts";
import { O_NONBLOCK, O_WRONLY, open, owned, write } from "../../linux/file.ts";
import { unlink } from "../../linux/names.ts";
import { openProcess } from "../../linux/proc.ts";
import { signals } from "../../linux/signal.ts";
import { type First, runPoststartHooks, runStartHooks } from "./hooks.ts";
import { type ContainerState, lock, pathsOf, readState, statusOf } from "./state.ts";

/** @returns warnings. @throws Failure unless it is created: of two that start it, one finds it running. */
export function startContainer(root: string, id: string): string[] {
  using _ = owned(lock(root, id));
  const state = readState(root, id);
  const status = statusOf(root, state);
  if (status === "stopped") throw new Failure("cannot start a container that has stopped");
  if (status !== "created") throw new Failure(`cannot start an already running container: it is ${status}`);
  const { fifo } = pathsOf(root, id);
  using first = owned(openProcess(state.process));
  if (first) runHooksOrEnd(state, { pid: state.process.pid, pidfd: first.fd });
  using word = owned(open(fifo, O_WRONLY | O_NONBLOCK));
  write(word.fd, Uint8Array.of(0));
  unlink(fifo);
  return runPoststartHooks(state, state.process.pid);
}

/** "If any startContainer hook fails, the runtime MUST generate an error, stop the container". */
function runHooksOrEnd(state: ContainerState, first: First): void {
  try {
    runStartHooks(state, first);
  } catch (error) {
    pidfdSendSignal(first.pidfd, signals.SIGKILL);
    throw error;
  }
}
