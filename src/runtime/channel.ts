/**
 * What a container's monitor and those who attach to it tell each other, over a socket that keeps messages apart:
 * a first byte says what follows it.
 *
 *     client -> monitor   J{"type":"attach","stdin":true}       the first message; the launcher is attached from the start
 *                         0 bytes                               for the container's stdin
 *                         J{"type":"end-of-input"}
 *                         J{"type":"resize","rows":24,"columns":80}
 *                         J{"type":"signal","signal":15}        as if it had come to us
 *                         J{"type":"join",...} + descriptors    it is in another network: the leases, and its namespace
 *                         J{"type":"leave","network":"web",...} it is not in this network any more
 *                         J{"type":"exec",...} + descriptor     a command runs in it that nobody else waits for
 *                         J{"type":"sync"}                      is what came before this done?
 *                         J{"type":"connected"}                 the launcher's answer to "network"
 *                         J{"type":"taken","bytes":4096}        so much of what it was shown has gone on
 *     monitor -> client   J{"type":"network"} + descriptor      to the launcher: the container's network namespace is there
 *                         J{"type":"working","done":{...}}      to the launcher: how far a copy for the container is
 *                         J{"type":"started"}                   to the launcher: the program runs
 *                         J{"type":"done"}                      what was asked for is written down; the answer to "sync", too
 *                         1 bytes, 2 bytes                      what the container wrote to stdout, stderr
 *                         J{"type":"taken","bytes":4096}        so much of what it sent has gone into the container's stdin
 *                         J{"type":"dropped"}                   it has not read for too long
 *                         J{"type":"exit","code":0,...}         the end, and what was used until then
 *
 * Of the bytes of a direction, no more than a window are on their way: sent, and not yet said to be taken. So both sides
 * always have room for what the socket holds and read it at once, whatever else is full: neither waits in a send while the
 * other one does, and a signal is not stuck behind keys that nobody reads.
 */

import { hasCode } from "../errors.ts";
import type { Fd } from "../linux/file.ts";
import { receiveMessage, sendMessage } from "../linux/poll.ts";
import type { TreeWork } from "../linux/tree/watch.ts";
import type { Endpoint, Publication } from "../plan/network/network.ts";
import type { Usage } from "./usage.ts";

export type Message =
  | { type: "attach"; stdin: boolean }
  | { type: "end-of-input" }
  | { type: "resize"; rows: number; columns: number }
  | { type: "signal"; signal: number }
  | { type: "join"; endpoint: Endpoint; moved?: Endpoint[]; publications: Publication[] }
  | { type: "leave"; network: string; publications: Publication[] }
  | { type: "exec"; execId: string }
  | { type: "sync" }
  | { type: "done" }
  | { type: "taken"; bytes: number }
  | { type: "dropped" }
  | { type: "network" }
  | { type: "connected" }
  | { type: "working"; done?: TreeWork }
  | { type: "started" }
  | { type: "exit"; code: number; oomKilled: boolean; usage: Usage };

/** Changes of the networks that a container is in while it runs. */
export type NetworkChange = Extract<Message, { type: "join" | "leave" }>;

/** Bytes of 0, 1 or 2, or something said. */
export type Frame = { stream: 0 | 1 | 2; bytes: Uint8Array } | { control: Message };

/** Bytes in one message; a socket's buffer takes several. */
export const frameBytes = 32768;
/** Bytes of one direction that may be on their way; a socket's buffer takes them (net.core.wmem_default is 208 KiB). */
export const windowBytes = 4 * frameBytes;
/** Bytes that were taken are told of in portions, or when there are no more. */
export const portionBytes = frameBytes;
const json = 74;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function encode(frame: Frame): Uint8Array {
  const bytes = "control" in frame ? encoder.encode(JSON.stringify(frame.control)) : frame.bytes;
  const data = new Uint8Array(bytes.length + 1);
  data[0] = "control" in frame ? json : frame.stream;
  data.set(bytes, 1);
  return data;
}

/** Sends one frame. @returns "full" if the other side does not read and `wait` is false, "gone" if it has closed. */
export function sendFrame(
  socket: Fd,
  frame: Frame,
  { wait = true, fds = [] }: { wait?: boolean; fds?: Fd[] } = {},
): "sent" | "full" | "gone" {
  try {
    return sendMessage(socket, { data: encode(frame), fds }, { wait }) ? "sent" : "full";
  } catch (error) {
    if (hasCode(error, "EPIPE", "ECONNRESET")) return "gone";
    throw error;
  }
}

/** The next frame; undefined when the other side has closed. Waits for one. */
export function receiveFrame(socket: Fd): (Frame & { fds: Fd[] }) | undefined {
  const message = receiveAll(socket);
  if (!message) return undefined;
  const [kind] = message.data;
  const bytes = message.data.subarray(1);
  const { fds } = message;
  if (kind === json) return { control: JSON.parse(decoder.decode(bytes)), fds };
  return { stream: kind as 0 | 1 | 2, bytes, fds };
}

/** The other side may close without having read all that we sent: that is said once, before what it sent to us. */
function receiveAll(socket: Fd): ReturnType<typeof receiveMessage> {
  for (;;) {
    try {
      return receiveMessage(socket);
    } catch (error) {
      if (!hasCode(error, "ECONNRESET")) throw error;
    }
  }
}
