/** A small init: process 1 that forwards signals to the program and collects the orphans it leaves (`run --init`). */

import { exitNow, wait } from "../linux/clone.ts";
import { readFile } from "../linux/file.ts";
import { memoryAt, syscall } from "../linux/libc.ts";
import { kill, type StringVector, setForeground } from "../linux/process.ts";
import { allSignals, readSignal, signalfd, signals } from "../linux/signal.ts";
import { posixSpawn } from "../linux/spawn.ts";

/** Starts the program as a child and stays as process 1 until it ends. @throws SyscallError if it can't be executed. */
export function spawnAndReap(path: string, argv: StringVector, envp: StringVector): never {
  // All signals have been blocked since our birth, in every thread: they wait for the signalfd.
  const program = posixSpawn(path, argv, envp);
  // In the foreground: the terminal's Ctrl-C reaches the program's group once, and not once more through us.
  setForeground(0, program);
  // A shell that was quicker than us found itself in the background, and stopped (SIGTTIN).
  kill(-program, signals.SIGCONT);
  wipeCommandLine();
  // Everything beyond stdio, the sync socket among it: its closing tells the host's side that the program runs.
  syscall("close_range", 3, 0xffffffff, 0);
  const incoming = signalfd(allSignals);
  for (;;) {
    const signal = readSignal(incoming);
    if (signal !== signals.SIGCHLD) kill(program, signal);
    else collect(program);
  }
}

/**
 * Overwrites our own argv and environment, which /proc/1/cmdline and environ would show to the container: words and
 * variables of the host. Their places are fields 48 to 51 of proc_pid_stat(5), counted from 1.
 */
function wipeCommandLine(): void {
  const stat = readFile("/proc/self/stat");
  // The second field is a name in parentheses, with spaces if it likes.
  const fields = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .map(Number);
  const [argStart = 0, argEnd = 0, envStart = 0, envEnd = 0] = fields.slice(48 - 3, 52 - 3);
  memoryAt(argStart, argEnd - argStart)
    .fill(0)
    .set(new TextEncoder().encode("init"));
  memoryAt(envStart, envEnd - envStart).fill(0);
}

/** Reaps everything that has ended; ends as the program did when it is among them. */
function collect(program: number): void {
  for (;;) {
    const ended = wait("any", { poll: true });
    if (!ended) return;
    if (ended.pid === program) exitNow(ended.exit.code ?? 128 + ended.exit.signal!);
  }
}
