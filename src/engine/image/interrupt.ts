/** Ctrl-C during long work: the signal is blocked (main.ts), and taken note of between two blocks. */

import { InterruptedError } from "../../errors.ts";
import { pendingSignal, signals } from "../../linux/signal.ts";

const interrupts = [signals.SIGINT, signals.SIGTERM, signals.SIGQUIT, signals.SIGHUP];

/** @throws InterruptedError if a signal waits; whoever began something then undoes it */
export function endIfInterrupted(): void {
  const signal = pendingSignal(interrupts);
  if (signal !== undefined) throw new InterruptedError("interrupted", signal);
}
