/** Where a runtime sends the terminal that it has made: a socket that is there for one call. */

import { Failure } from "../../errors.ts";
import { randomHex } from "../../linux/clone.ts";
import { type Fd, O_DIRECTORY, O_PATH, open, owned } from "../../linux/file.ts";
import { unlink } from "../../linux/names.ts";
import { closeAll, type Interest, POLLIN, poll, receiveMessage } from "../../linux/poll.ts";
import { accept, listenStreamAt } from "../../linux/unix.ts";
import { pathOf } from "./call.ts";

/** @param use is given the words that name the socket. @returns the master. */
export function receiveTerminal(directory: string, use: (words: string[]) => void): Fd {
  using place = owned(open(directory, O_PATH | O_DIRECTORY));
  const name = `console-${randomHex(4)}`;
  using listener = owned(listenStreamAt(place.fd, name));
  try {
    // The path of a socket is short; that of a container is not.
    use(["--console-socket", `${pathOf(place.fd)}/${name}`]);
    const waiting: Interest = { fd: listener.fd, events: POLLIN };
    // By now it has sent what it has to send.
    poll([waiting], 0);
    using connection = owned(waiting.happened ? accept(listener.fd) : undefined);
    const [master, ...others] = (connection && receiveMessage(connection.fd)?.fds) ?? [];
    closeAll(others);
    if (master === undefined) throw new Failure("the runtime has sent no terminal to its --console-socket");
    return master;
  } finally {
    unlink(`${directory}/${name}`);
  }
}
