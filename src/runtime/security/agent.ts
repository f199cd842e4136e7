/** Gives the agent of a seccomp filter the descriptor by which it hears of calls. Loaded for filters that have one. */

import { hasCode, StartError } from "../../errors.ts";
import { type Fd, O_DIRECTORY, O_PATH, open, owned } from "../../linux/file.ts";
import { sendMessage } from "../../linux/poll.ts";
import { takeListener } from "../../linux/seccomp/listener.ts";
import { connectStreamAt } from "../../linux/unix.ts";
import { type Listener, listenerNumber, processState } from "../../plan/rare/listener.ts";

const encoder = new TextEncoder();

/** A process whose filter is loaded. */
interface Filtered {
  child: { pid: number; pidfd: Fd };
  /** The number of the container's first process, where this is another. */
  first?: number;
}

/**
 * One message on a connection of its own, as the specification has it: the container process state, and beside it the
 * descriptor. Ours is closed by then.
 * @param word of the process: a number stands in it, that of its descriptor.
 * @throws StartError if nobody takes it: its calls would wait for ever
 */
export function tellAgent(listener: Listener, { child, first = child.pid }: Filtered, word: Uint8Array): void {
  const { path } = listener;
  const slash = path.lastIndexOf("/");
  try {
    // Said by a process that others inside may trace; what it is has been looked at.
    const number = new DataView(word.buffer, word.byteOffset, word.length).getInt32(listenerNumber, true);
    using descriptor = owned(takeListener(child.pidfd, number));
    using directory = owned(open(path.slice(0, slash) || "/", O_PATH | O_DIRECTORY));
    using socket = owned(connectStreamAt(directory.fd, path.slice(slash + 1), "it"));
    sendMessage(socket.fd, { data: encoder.encode(processState(listener, child.pid, first)), fds: [descriptor.fd] });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const hint = hasCode(error, "ENOENT", "ECONNREFUSED") ? "it has to listen before the container starts" : undefined;
    throw new StartError(`cannot reach the agent of listenerPath ${path}: ${error.message}`, hint, 125);
  }
}
