/** Which signals are the container's, when they come to us. */

import { allSignals, signals } from "../linux/signal.ts";

/** Signals that are not passed on: those nobody can catch, those about us, and those that stop us as a job of a shell. */
const ownSignals: number[] = [
  signals.SIGKILL,
  signals.SIGSTOP,
  signals.SIGTSTP,
  signals.SIGTTIN,
  signals.SIGTTOU,
  signals.SIGCHLD,
  signals.SIGPIPE,
  signals.SIGURG,
  signals.SIGILL,
  signals.SIGTRAP,
  signals.SIGABRT,
  signals.SIGBUS,
  signals.SIGFPE,
  signals.SIGSEGV,
  signals.SIGSYS,
  signals.SIGXFSZ,
  // Belong to libc.
  32,
  33,
];
/** Signals that are passed on to the container. */
export const forwarded: number[] = [];
for (const number of allSignals) if (!ownSignals.includes(number)) forwarded.push(number);
