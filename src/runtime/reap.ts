/** A small init: process 1 that forwards signals to the program and collects the orphans it leaves (`run --init`). */

import { syscall } from "../linux/libc.ts";
import { clone3, exitNow, kill, setForeground, setProcessGroup, wait } from "../linux/process.ts";
import { blockSignals, readSignal, signalfd, signals } from "../linux/signal.ts";

/** Returns in a child that is to become the program; process 1 stays behind and ends as the program ends. */
export function reap(): void {
  const all = Array.from({ length: 64 }, (_, index) => index + 1);
  // Blocked signals wait for the signalfd; and the kernel drops an unblocked one for a process 1 without handler.
  blockSignals(all);
  const program = clone3();
  if (!program) {
    // A group of its own, in the foreground: the terminal's Ctrl-C reaches the program once, not once more through us.
    setProcessGroup();
    setForeground(0);
    return;
  }
  // Everything beyond stdio, the sync socket among it: its closing tells the host's side that the program runs.
  syscall("close_range", 3, 0xffffffff, 0);
  const incoming = signalfd(all);
  for (;;) {
    const signal = readSignal(incoming);
    if (signal !== signals.SIGCHLD) kill(program.pid, signal);
    else collect(program.pid);
  }
}

/** Reaps everything that has ended; ends as the program did when it is among them. */
function collect(program: number): void {
  for (;;) {
    const ended = wait("any", { poll: true });
    if (!ended) return;
    if (ended.pid === program) exitNow(ended.exit.code ?? 128 + ended.exit.signal!);
  }
}
