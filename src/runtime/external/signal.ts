/** Signals go through the runtime: the process that it shows may be that of a machine in which the program runs. */

import type { Fd } from "../../linux/file.ts";
import { type Interest, POLLIN, poll } from "../../linux/poll.ts";
import type { RuntimeCall } from "../../plan/rare/external.ts";
import { callRuntime, RuntimeError } from "./call.ts";

/** Sends a signal to the first process, which needs none if it has ended. @throws RuntimeError if the runtime will not */
export function sendSignal(call: RuntimeCall, pidfd: Fd, signal: number): void {
  try {
    callRuntime(call, ["kill", call.id, String(signal)]);
  } catch (error) {
    const ended: Interest = { fd: pidfd, events: POLLIN };
    poll([ended], 0);
    if (!(error instanceof RuntimeError) || !ended.happened) throw error;
  }
}
