/** Connections that come in at a socket that listens, taken one after the other. */

import { EAGAIN, ECONNABORTED, EINTR, EMFILE, ENFILE } from "../linux/errno.ts";
import { close, type Fd, O_RDWR, openIfAny } from "../linux/file.ts";
import { POLLIN, type Timer } from "../linux/poll.ts";
import { accept, closeWithReset } from "../linux/socket.ts";
import type { EpollLoop } from "./epoll-loop.ts";

/** Before the next is tried when there is no room for one: the socket would be ready again and again meanwhile. */
const pauseMs = 100;
/** None has come, or what happened to one before we took it, which is not about the next. */
const ignored: readonly number[] = [EAGAIN, EINTR, ECONNABORTED];

/** One descriptor that is kept for moments when there is no other: with it a connection is taken, and reset. */
let spare: Fd | undefined;

/**
 * @param onFull connections are reset because there are no descriptors left: nobody is to wait for what does not come.
 * @returns the timers that it needs.
 */
export function openAcceptor(
  loop: EpollLoop,
  listener: Fd,
  onConnection: (socket: Fd) => void,
  onFull: () => void = () => {},
): () => Timer[] {
  let resumeAtMs: number | undefined;
  spare ??= openSpare();
  const take = () => {
    const socket = accept(listener);
    if (socket >= 0) return admit(socket as Fd);
    if (ignored.includes(-socket)) return;
    if ((socket === -EMFILE || socket === -ENFILE) && resetOne(listener, onFull)) return;
    resumeAtMs = performance.now() + pauseMs;
    loop.set(listener, 0, take);
  };
  const admit = (socket: Fd) => {
    try {
      onConnection(socket);
    } catch {
      // It is this connection's end, and nobody else's.
      loop.drop(socket, closeWithReset);
    }
  };
  const resume = () => {
    resumeAtMs = undefined;
    loop.set(listener, POLLIN, take);
  };
  resume();
  return () => (resumeAtMs === undefined ? [] : [{ atMs: resumeAtMs, onTime: resume }]);
}

/** @param onFull may use a descriptor. @returns false if there was not even the spare one. */
function resetOne(listener: Fd, onFull: () => void): boolean {
  if (spare === undefined) return false;
  close(spare);
  spare = undefined;
  const socket = accept(listener);
  if (socket >= 0) closeWithReset(socket as Fd);
  onFull();
  spare = openSpare();
  return socket >= 0;
}

function openSpare(): Fd | undefined {
  try {
    return openIfAny("/dev/null", O_RDWR);
  } catch {
    return undefined; // somebody else was faster
  }
}
