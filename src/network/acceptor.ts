/** Connections that come in at a socket that listens, taken one after the other. */

import { EAGAIN, ECONNABORTED, EINTR } from "../linux/errno.ts";
import type { Fd } from "../linux/file.ts";
import { POLLIN, type Timer } from "../linux/poll.ts";
import { accept, closeWithReset } from "../linux/socket.ts";
import type { EpollLoop } from "./epoll-loop.ts";

/** Before the next is tried when there is no room for one: the socket would be ready again and again meanwhile. */
const pauseMs = 100;
/** None has come, or what happened to one before we took it, which is not about the next. */
const ignored: readonly number[] = [EAGAIN, EINTR, ECONNABORTED];

/** @returns the timers that it needs. */
export function openAcceptor(loop: EpollLoop, listener: Fd, onConnection: (socket: Fd) => void): () => Timer[] {
  let resumeAtMs: number | undefined;
  const take = () => {
    const socket = accept(listener);
    if (socket >= 0) return admit(socket as Fd);
    if (ignored.includes(-socket)) return;
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
