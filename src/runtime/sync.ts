/**
 * What a container's init and the host's side tell each other, over one socket pair that closes at execve.
 *
 *     host -> init    {"type":"plan", ...} + descriptors   of the steps, and of stdio where init is to change it
 *     init -> host    {"type":"network"} + descriptor      its network namespace, as soon as it has one of its own
 *     init -> host    {"type":"console"} + descriptor      the master of the container's terminal
 *     init -> host    {"type":"ready"}                     all is built
 *     host -> init    {"type":"go"}                        limits are set: execute
 *     init -> host    {"type":"failed", ...}               a step failed; init ends
 *     (end of file)                                        execve succeeded
 */

import { SyscallError } from "../errors.ts";
import type { Fd } from "../linux/file.ts";
import { receiveMessage, sendMessage } from "../linux/poll.ts";
import type { Step } from "../plan/step.ts";

export type Sync =
  | { type: "plan"; stdio: boolean[] }
  | { type: "network" }
  | { type: "console" }
  | { type: "ready" }
  | { type: "go" }
  | { type: "failed"; step: Step["do"]; text: string; hint?: string; code?: string };

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Sends one message, with descriptors beside it if there are any. */
export const send = (socket: Fd, message: Sync, fds: Fd[] = []): void =>
  void sendMessage(socket, { data: encoder.encode(JSON.stringify(message)), fds });

/** Waits for the next message; undefined when the other side has closed. */
export function receive(socket: Fd): { message: Sync; fds: Fd[] } | undefined {
  const received = receiveMessage(socket);
  return received && { message: JSON.parse(decoder.decode(received.data)) as Sync, fds: received.fds };
}

/** A step's failure as a message. */
export function failure(step: Step["do"], error: unknown): Sync {
  const text = error instanceof Error ? error.message : String(error);
  const known = error instanceof SyscallError ? error : undefined;
  return { type: "failed", step, text, ...(known?.hint && { hint: known.hint }), ...(known && { code: known.code }) };
}
