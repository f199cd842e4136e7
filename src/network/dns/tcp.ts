/** DNS messages over tcp, each behind its length (RFC 7766): those of clients to us, and ours to other servers. */

import { EAGAIN } from "../../linux/errno.ts";
import type { Fd } from "../../linux/file.ts";
import { memory } from "../../linux/libc.ts";
import { POLLERR, POLLHUP, POLLIN, POLLOUT } from "../../linux/poll.ts";
import { receive, send, socketError } from "../../linux/socket.ts";
import type { EpollLoop } from "../epoll-loop.ts";

export interface Stream {
  /** What is too much for somebody who does not read ends the stream. */
  send(message: Uint8Array): void;
  /** Ends it, without telling `onEnd`. */
  close(): void;
}

export interface StreamOptions {
  /** Longer ones end the stream. */
  maxBytes: number;
  /** The connection is being made. */
  connecting?: boolean;
  /** Kept only until it returns. */
  onMessage(message: Uint8Array): void;
  /** It was closed by the other side, broke, or did not come about. */
  onEnd(): void;
}

/** Answers that wait for somebody who does not read. */
const maxWaitingBytes = 256 << 10;
const buffer = memory(65536);

/** @param socket is closed by the stream. */
export function openStream(loop: EpollLoop, socket: Fd, options: StreamOptions): Stream {
  let connecting = options.connecting ?? false;
  let open = true;
  let incoming = new Uint8Array(0);
  let outgoing = new Uint8Array(0);
  const watch = () => loop.set(socket, POLLIN | (connecting || outgoing.length > 0 ? POLLOUT : 0), onEvent);
  const close = () => {
    open = false;
    loop.drop(socket);
  };
  const end = () => {
    if (!open) return;
    close();
    options.onEnd();
  };
  const flush = () => {
    if (connecting || outgoing.length === 0) return;
    const sent = send(socket, outgoing);
    if (sent >= 0) outgoing = outgoing.slice(sent);
    else if (sent !== -EAGAIN) return end();
    watch();
  };
  const take = () => {
    const count = receive(socket, buffer);
    if (count === -EAGAIN) return;
    if (count <= 0) return end();
    incoming = joined(incoming, buffer.subarray(0, count));
    while (open && incoming.length >= 2) {
      const length = (incoming[0]! << 8) | incoming[1]!;
      if (length > options.maxBytes) return end();
      if (incoming.length < 2 + length) return;
      const message = incoming.subarray(2, 2 + length);
      incoming = incoming.slice(2 + length);
      options.onMessage(message);
    }
  };
  const onEvent = (events: number) => {
    try {
      handle(events);
    } catch {
      end();
    }
  };
  const handle = (events: number) => {
    if (connecting && events & (POLLOUT | POLLERR | POLLHUP)) {
      if (socketError(socket) !== 0) return end();
      connecting = false;
      watch();
    }
    if (events & POLLOUT) flush();
    if (open && events & (POLLIN | POLLERR | POLLHUP)) take();
  };
  watch();
  return {
    send(message) {
      if (!open) return;
      if (outgoing.length + message.length > maxWaitingBytes) return end();
      outgoing = joined(outgoing, Uint8Array.of(message.length >> 8, message.length & 255), message);
      flush();
    },
    close: () => {
      if (open) close();
    },
  };
}

function joined(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = memory(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
