/** Those who are attached to a container: they see what it writes, and may write to it. */

import { hasCode } from "../errors.ts";
import { close, write } from "../linux/file.ts";
import { POLLIN, POLLOUT, poll, type Watch } from "../linux/poll.ts";
import { accept } from "../linux/unix.ts";
import { type Frame, frameBytes, type Message, type NetworkChange, receiveFrame, sendFrame } from "./channel.ts";
import { writeBytes } from "./relay.ts";

/** What clients can do to the container. */
export interface Controls {
  resize(size: { rows: number; columns: number }): void;
  signal(number: number): void;
  /** Sees what is typed, before the container does. */
  typed(keys: Uint8Array): void;
  /** Where the bytes for its stdin go: a pipe, or the master of its terminal; undefined if nowhere. */
  input(): number | undefined;
  /** Nobody will write to its stdin any more. */
  endInput(): void;
  /** It is in another network, or has left one. */
  change(said: NetworkChange, fds: number[]): void;
  /** The one who started it has left: a pipe ends with its writer, a terminal waits for the next one. */
  left(): void;
}

export interface Clients {
  watches(): Watch[];
  /** Shows everybody what the container wrote. */
  show(stream: 1 | 2, bytes: Uint8Array): void;
  /** True while the one who started it has not read what it was shown: the container waits, as it would on a terminal. */
  held(): boolean;
  tell(message: Message): void;
  /** Lets go of the one who started it. */
  release(): void;
  /** Tells everybody the end, and closes. */
  end(exit: Extract<Message, { type: "exit" }>): void;
}

interface Client {
  socket: number;
  attached: boolean;
  stdin: boolean;
  launcher: boolean;
  queue: Frame[];
}

/** What one who only looks on may be behind; then it has to attach again. The container never waits for it (F17). */
const maxQueue = 64;
const lingerMs = 2000;

/** @param listener a socket where more may come. @param launcher the socket to the one who started it, attached already. */
export function clientsOf(
  listener: number | undefined,
  launcher: { socket: number; attached: boolean; stdin: boolean } | undefined,
  controls: Controls,
): Clients {
  let clients: Client[] = launcher ? [{ ...launcher, launcher: true, queue: [] }] : [];
  let pending: Uint8Array | undefined;

  const drop = (client: Client) => {
    close(client.socket);
    clients = clients.filter((other) => other !== client);
    if (client.launcher && client.stdin) controls.left();
  };
  const flush = (client: Client) => {
    for (let frame = client.queue[0]; frame; frame = client.queue[0]) {
      const result = sendFrame(client.socket, frame, { wait: false });
      if (result === "gone") return drop(client);
      if (result === "full") return;
      client.queue.shift();
    }
  };
  const queue = (client: Client, frame: Frame) => {
    if (!clients.includes(client)) return;
    client.queue.push(frame);
    flush(client);
    if (!client.launcher && client.queue.length > maxQueue) drop(client);
  };
  const writeInput = () => {
    const input = controls.input();
    const bytes = pending!;
    pending = undefined;
    if (input === undefined) return;
    try {
      const written = write(input, bytes.subarray(0, writeBytes));
      if (written < bytes.length) pending = bytes.subarray(written);
    } catch (error) {
      // Nobody in the container reads its stdin any more.
      if (!hasCode(error, "EPIPE", "EIO")) throw error;
      controls.endInput();
    }
  };
  const listen = (client: Client) => {
    const frame = receiveFrame(client.socket);
    if (!frame) return drop(client);
    if (!("said" in frame)) {
      if (!client.stdin || controls.input() === undefined || frame.bytes.length === 0) return;
      controls.typed(frame.bytes);
      pending = frame.bytes.slice();
      return;
    }
    const { said } = frame;
    if (said.type === "attach") Object.assign(client, { attached: true, stdin: said.stdin });
    if (said.type === "resize") controls.resize(said);
    if (said.type === "signal") controls.signal(said.signal);
    if (said.type === "join" || said.type === "leave") {
      try {
        controls.change(said, frame.fds);
      } catch {
        // Nothing that concerns the container: who asked for it sees that it was not done.
        return drop(client);
      }
      queue(client, { said: { type: "done" } });
    }
    if (said.type === "end-of-input" && client.launcher) {
      client.stdin = false;
      controls.endInput();
    }
  };

  return {
    watches: () => [
      ...(listener === undefined ? [] : [{ fd: listener, onReady: () => admit(accept(listener)) }]),
      ...(pending ? [{ fd: controls.input() ?? -1, events: POLLOUT, onReady: writeInput }] : []),
      ...clients.flatMap((client): Watch[] => {
        const events = (client.queue.length > 0 ? POLLOUT : 0) | (pending ? 0 : POLLIN);
        if (events === 0) return [];
        return [{ fd: client.socket, events, onReady: () => serve(client) }];
      }),
    ],
    show: (stream, bytes) => {
      for (const client of clients) {
        if (!client.attached) continue;
        for (let at = 0; at < bytes.length; at += frameBytes)
          queue(client, { stream, bytes: bytes.slice(at, at + frameBytes) });
      }
    },
    held: () => clients.some(({ launcher: first, queue: waiting }) => first && waiting.length > 0),
    tell: (said) => {
      for (const client of clients.filter(({ launcher: first }) => first)) queue(client, { said });
    },
    release: () => {
      for (const client of clients.filter(({ launcher: first, attached }) => first && !attached)) drop(client);
    },
    end: (exit) => {
      for (const client of clients) client.queue.push({ said: exit });
      const until = performance.now() + lingerMs;
      for (clients.forEach(flush); clients.some(hasMore) && performance.now() < until; clients.forEach(flush))
        poll(
          clients.filter(hasMore).map(({ socket }) => ({ fd: socket, events: POLLOUT })),
          100,
        );
      for (const { socket } of clients) close(socket);
      clients = [];
    },
  };

  function admit(socket: number): void {
    clients.push({ socket, attached: false, stdin: false, launcher: false, queue: [] });
  }

  function serve(client: Client): void {
    // What the container wrote a moment ago may have been too much for it.
    if (!clients.includes(client)) return;
    flush(client);
    if (!clients.includes(client) || pending) return;
    const interest = { fd: client.socket, events: POLLIN, happened: 0 };
    poll([interest], 0);
    if (interest.happened) listen(client);
  }
}

const hasMore = ({ queue }: Client): boolean => queue.length > 0;
