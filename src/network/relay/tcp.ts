/** Connections that are passed on, byte by byte: ends, resets and back-pressure go from one side to the other. */

import { close, type Fd } from "../../linux/file.ts";
import { EAGAIN } from "../../linux/libc.ts";
import { type Pipe, POLLERR, POLLHUP, POLLIN, POLLOUT, type Timer } from "../../linux/poll.ts";
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
import { splice, spliceBytes } from "../../linux/splice.ts";
import { openAcceptor } from "../acceptor.ts";
import type { EpollLoop, Handler } from "../epoll-loop.ts";
import type { HeldPort } from "../ports.ts";
import { closePipe, returnPipe, takePipe } from "./pipes.ts";
import type { Quota } from "./quota.ts";

/** Times that a connection moves what it has before others have their turn. */
const turns = 16;

export interface StreamPort {
  port: HeldPort;
  /** Waited for by the loop. */
  listener: Fd;
  kind: SocketKind;
  /** Where it leads at this moment; undefined for nowhere. */
  targetOf: () => Sockaddr | undefined;
  quota: Quota;
}

/** @returns the timers that it needs. */
export function relayStreams(loop: EpollLoop, { port, listener, kind, targetOf, quota }: StreamPort): () => Timer[] {
  const noDescriptors = () => quota.onRefused(port, "no descriptors are left");
  const onConnection = (client: Fd) => {
    if (quota.used >= quota.max) {
      closeWithReset(client);
      return quota.onRefused(port, `there are ${quota.max} connections`);
    }
    const target = targetOf();
    const server = target && openSocket(kind, target);
    const errno = target && server !== undefined ? connect(server, target) : 0;
    if (server !== undefined && (errno === 0 || errno === EINPROGRESS)) {
      quota.used++;
      return relayConnection(loop, client, server, { onEnd: () => quota.used--, onFull: noDescriptors });
    }
    closeWithReset(client);
    if (server !== undefined) close(server);
    else if (target) noDescriptors();
  };
  return openAcceptor(loop, listener, onConnection, noDescriptors);
}

/** One of the two directions. It reads while its pipe is empty, and writes until it is. */
interface Direction {
  from: Fd;
  to: Fd;
  /** While there are bytes in it. */
  pipe?: Pipe | undefined;
  filled: number;
  /** `from` has no more, and `to` was told. */
  ended: boolean;
}

interface Connection {
  loop: EpollLoop;
  client: Fd;
  server: Fd;
  /** From the client to the server. */
  up: Direction;
  down: Direction;
  /** To the server: nothing moves before. */
  connecting: boolean;
  open: boolean;
  /** What the loop calls; made once, as it is given them again with every change of what is waited for. */
  onClient: Handler;
  onServer: Handler;
  onEnd: () => void;
  /** It ends because there are no descriptors for its bytes. */
  onFull: () => void;
}

type Ends = Pick<Connection, "onEnd" | "onFull">;

function relayConnection(loop: EpollLoop, client: Fd, server: Fd, ends: Ends): void {
  const connection: Connection = {
    loop,
    client,
    server,
    up: { from: client, to: server, filled: 0, ended: false },
    down: { from: server, to: client, filled: 0, ended: false },
    connecting: true,
    open: true,
    onClient: (events) => guarded(connection, onClient, events),
    onServer: (events) => guarded(connection, onServer, events),
    ...ends,
  };
  for (const socket of [client, server]) {
    setOption(socket, "TCP_NODELAY", 1);
    setOption(socket, "SO_KEEPALIVE", 1);
  }
  guarded(connection, watch, 0);
}

/** Whatever goes wrong with a connection is the end of both of its sides. */
function guarded(
  connection: Connection,
  action: (connection: Connection, events: number) => void,
  events: number,
): void {
  try {
    action(connection, events);
  } catch {
    end(connection, closeWithReset);
  }
}

function onClient(connection: Connection, events: number): void {
  if (connection.connecting) end(connection, closeWithReset);
  else handle(connection, events, connection.up, connection.down);
}

function onServer(connection: Connection, events: number): void {
  if (!connection.connecting) handle(connection, events, connection.down, connection.up);
  else if (socketError(connection.server) !== 0) end(connection, closeWithReset);
  else {
    connection.connecting = false;
    watch(connection);
  }
}

/** @param reads from the side that the events are of, `writes` to it */
function handle(connection: Connection, events: number, reads: Direction, writes: Direction): void {
  const broken = events & (POLLERR | POLLHUP);
  if (events & POLLOUT || (broken && writes.filled > 0)) push(connection, writes);
  const readable = !reads.ended && reads.filled === 0;
  if (connection.open && readable && (broken || events & POLLIN)) pull(connection, reads);
  // Broken, and there is nothing left to read that would say so.
  else if (connection.open && broken && !readable) end(connection, closeWithReset);
  watch(connection);
}

function watch({ loop, open, connecting, client, server, up, down, onClient, onServer }: Connection): void {
  if (!open) return;
  loop.set(client, connecting ? 0 : interest(up, down), onClient);
  loop.set(server, connecting ? POLLOUT : interest(down, up), onServer);
}

const interest = (reads: Direction, writes: Direction): number =>
  (reads.filled === 0 && !reads.ended ? POLLIN : 0) | (writes.filled > 0 ? POLLOUT : 0);

/** From one side into the pipe, and on. */
function pull(connection: Connection, direction: Direction) {
  direction.pipe ??= takePipe();
  if (!direction.pipe) {
    end(connection, closeWithReset);
    return connection.onFull();
  }
  move(connection, direction, direction.pipe);
  if (!direction.pipe || direction.filled > 0) return;
  returnPipe(direction.pipe);
  direction.pipe = undefined;
}

function move(connection: Connection, direction: Direction, pipe: Pipe) {
  for (let turn = 0; turn < turns && connection.open && direction.filled === 0; turn++) {
    const moved = splice(direction.from, pipe.write, spliceBytes);
    if (moved === -EAGAIN) return;
    if (moved < 0) return end(connection, closeWithReset);
    if (moved === 0) {
      direction.ended = true;
      shutdownWriting(direction.to);
      if (connection.up.ended && connection.down.ended) end(connection, close);
      return;
    }
    direction.filled += moved;
    push(connection, direction);
  }
}

/** From the pipe to the other side. */
function push(connection: Connection, direction: Direction) {
  while (connection.open && direction.filled > 0) {
    const moved = splice(direction.pipe!.read, direction.to, direction.filled);
    if (moved === -EAGAIN) return;
    if (moved < 0) return end(connection, closeWithReset);
    direction.filled -= moved;
  }
}

function end(connection: Connection, closeIt: (fd: Fd) => void): void {
  const { loop, client, server, up, down, onEnd } = connection;
  if (!connection.open) return;
  connection.open = false;
  for (const socket of [client, server]) loop.drop(socket, closeIt);
  for (const direction of [up, down]) {
    if (direction.pipe) closePipe(direction.pipe);
    direction.pipe = undefined;
  }
  onEnd();
}
