/** One of those who are attached: what it is to be sent, within its window and what its socket has room for. */

import type { Fd } from "../linux/file.ts";
import { type Interest, POLLIN, POLLOUT, poll } from "../linux/poll.ts";
import { setOption } from "../linux/socket.ts";
import { type Frame, frameBytes, sendFrame, windowBytes } from "./channel.ts";

export interface Client {
  socket: Fd;
  attached: boolean;
  stdin: boolean;
  launcher: boolean;
  /** What it has no room for; bounded, as the container is held while there is something. */
  queue: Frame[];
  /** Its socket is full. */
  full: boolean;
  /** Bytes of output that it was sent, and has not passed on. */
  shown: number;
  /** Bytes of input that it has sent, and the container has not taken. */
  typed: number;
  /** Bytes of input that were taken, which it does not know yet. */
  taken: number;
  /** Since when the container has been waiting for it, or it last read something meanwhile. */
  holdingSinceMs?: number | undefined;
}

export const newClient = (
  socket: Fd,
  how: Pick<Client, "attached" | "stdin" | "launcher"> = { attached: false, stdin: false, launcher: false },
): Client => ({ ...how, socket, queue: [], full: false, shown: 0, typed: 0, taken: 0 });

/** Sends what there is room for. @returns false if it is gone. */
export function deliver(client: Client): boolean {
  if (client.taken > 0) {
    // Before what waits in the queue: input goes on while the client's stdout is full.
    if (!send(client, { control: { type: "taken", bytes: client.taken } })) return client.full;
    client.taken = 0;
  }
  for (let frame = client.queue[0]; frame; frame = client.queue[0]) {
    const bytes = "control" in frame ? 0 : frame.bytes.length;
    if (client.shown + bytes > windowBytes) break;
    if (!send(client, frame) && !client.full) return false;
    if (client.full) break;
    client.queue.shift();
    client.shown += bytes;
  }
  if (client.queue.length === 0) client.holdingSinceMs = undefined;
  else client.holdingSinceMs ??= performance.now();
  return true;
}

/** @returns false if it could not be sent: its socket is full, or it is gone. */
function send(client: Client, frame: Frame): boolean {
  const result = trySend(client.socket, frame);
  client.full = result === "full";
  return result === "sent";
}

function trySend(socket: Fd, frame: Frame): ReturnType<typeof sendFrame> {
  try {
    return sendFrame(socket, frame, { wait: false });
  } catch {
    return "gone";
  }
}

/** Says why it is dropped, unless it has told us just now that it goes on. @returns false then. */
export function sayDropped(client: Client): boolean {
  const interest: Interest = { fd: client.socket, events: POLLIN };
  poll([interest], 0);
  if (interest.happened) {
    client.holdingSinceMs = performance.now();
    return false;
  }
  makeRoom(client.socket, []);
  send(client, { control: { type: "dropped" } });
  return true;
}

/**
 * Sends all that is left, whether or not they read it now: the kernel keeps it for them, and nobody has to wait for them.
 * Where it has no room, those are waited for that go on reading. @param patienceMs how long for the next thing to be read.
 */
export function deliverRest(clients: Client[], patienceMs: number): void {
  let rest = clients.filter((client) => {
    makeRoom(client.socket, client.queue);
    client.shown = Number.NEGATIVE_INFINITY;
    return isUnfinished(client);
  });
  let left = count(rest);
  for (let untilMs = performance.now() + patienceMs; left > 0 && performance.now() < untilMs; ) {
    poll(
      rest.map(({ socket }) => ({ fd: socket, events: POLLOUT })),
      Math.ceil(untilMs - performance.now()),
    );
    rest = rest.filter(isUnfinished);
    if (count(rest) < left) untilMs = performance.now() + patienceMs;
    left = count(rest);
  }
}

const isUnfinished = (client: Client): boolean => deliver(client) && client.queue.length > 0;

const count = (clients: Client[]): number => clients.reduce((sum, { queue }) => sum + queue.length, 0);

/** Asks for room in a socket's buffer for these frames, beside a window: root may have it. */
const makeRoom = (socket: Fd, frames: Frame[]): void =>
  setOption(socket, "SO_SNDBUFFORCE", windowBytes * 2 + frames.length * frameBytes);
