/** Connections that are passed on, byte by byte: ends, resets and back-pressure go from one side to the other. */

import { POLLERR, POLLHUP } from "../../linux/epoll.ts";
import { close } from "../../linux/file.ts";
import { EAGAIN } from "../../linux/libc.ts";
import { POLLIN, POLLOUT, type Timer } from "../../linux/poll.ts";
import {
  closeWithReset,
  connect,
  EINPROGRESS,
  openSocket,
  type Sockaddr,
  type SocketKind,
  setOption,
  shutdownWriting,
  socketError,
} from "../../linux/socket.ts";
import { openSplicePipe, splice, spliceBytes } from "../../linux/splice.ts";
import { openAcceptor } from "../acceptor.ts";
import type { EpollLoop } from "../epoll-loop.ts";

/** Of one port; each takes six descriptors. Others are refused. */
const maxConnections = 1024;
/** Times that a connection moves what it has before others have their turn. */
const turns = 16;

/** @param listener is waited for by the loop. @returns the timers that it needs. */
export function relayStreams(loop: EpollLoop, listener: number, kind: SocketKind, target: Sockaddr): () => Timer[] {
  let connections = 0;
  return openAcceptor(loop, listener, (client) => {
    const server = connections < maxConnections ? openSocket(kind, target) : undefined;
    const errno = server === undefined ? 0 : connect(server, target);
    if (server !== undefined && (errno === 0 || errno === EINPROGRESS)) {
      connections++;
      return relayConnection(loop, client, server, () => connections--);
    }
    closeWithReset(client);
    if (server !== undefined) close(server);
  });
}

/** One of the two directions. It reads while its pipe is empty, and writes until it is. */
interface Direction {
  from: number;
  to: number;
  pipe?: { read: number; write: number } | undefined;
  /** Bytes in the pipe. */
  filled: number;
  /** `from` has no more, and `to` was told. */
  ended: boolean;
}

function relayConnection(loop: EpollLoop, client: number, server: number, onEnd: () => void): void {
  const up: Direction = { from: client, to: server, filled: 0, ended: false };
  const down: Direction = { from: server, to: client, filled: 0, ended: false };
  let connecting = true;
  let open = true;

  const end = (closeIt: (fd: number) => void) => {
    if (!open) return;
    open = false;
    for (const socket of [client, server]) loop.drop(socket, closeIt);
    for (const { pipe } of [up, down]) {
      if (pipe) close(pipe.read);
      if (pipe) close(pipe.write);
    }
    onEnd();
  };

  const interest = (reads: Direction, writes: Direction): number =>
    (reads.filled === 0 && !reads.ended ? POLLIN : 0) | (writes.filled > 0 ? POLLOUT : 0);
  const watch = () => {
    if (!open) return;
    loop.set(client, connecting ? 0 : interest(up, down), onClient);
    loop.set(server, connecting ? POLLOUT : interest(down, up), onServer);
  };

  /** From the pipe to the other side. */
  const push = (direction: Direction) => {
    while (open && direction.filled > 0) {
      const moved = splice(direction.pipe!.read, direction.to, direction.filled);
      if (moved === -EAGAIN) return;
      if (moved < 0) return end(closeWithReset);
      direction.filled -= moved;
    }
  };

  /** From one side into the pipe, and on. */
  const pull = (direction: Direction) => {
    direction.pipe ??= openSplicePipe();
    if (!direction.pipe) return end(closeWithReset);
    for (let turn = 0; turn < turns && open && direction.filled === 0; turn++) {
      const moved = splice(direction.from, direction.pipe.write, spliceBytes);
      if (moved === -EAGAIN) return;
      if (moved < 0) return end(closeWithReset);
      if (moved === 0) {
        direction.ended = true;
        shutdownWriting(direction.to);
        if (up.ended && down.ended) end(close);
        return;
      }
      direction.filled += moved;
      push(direction);
    }
  };

  const handle = (events: number, reads: Direction, writes: Direction) => {
    const broken = events & (POLLERR | POLLHUP);
    if (events & POLLOUT || (broken && writes.filled > 0)) push(writes);
    const readable = !reads.ended && reads.filled === 0;
    if (open && readable && (broken || events & POLLIN)) pull(reads);
    // Broken, and there is nothing left to read that would say so.
    else if (open && broken && !readable) end(closeWithReset);
    watch();
  };
  /** Whatever goes wrong with a connection is the end of both of its sides. */
  const guarded = (action: (events: number) => void) => (events: number) => {
    try {
      action(events);
    } catch {
      end(closeWithReset);
    }
  };
  const onClient = guarded((events) => {
    if (connecting) return end(closeWithReset);
    handle(events, up, down);
  });
  const onServer = guarded((events) => {
    if (!connecting) return handle(events, down, up);
    if (socketError(server) !== 0) return end(closeWithReset);
    connecting = false;
    watch();
  });

  for (const socket of [client, server]) {
    setOption(socket, "TCP_NODELAY", 1);
    setOption(socket, "SO_KEEPALIVE", 1);
  }
  guarded(watch)(0);
}
