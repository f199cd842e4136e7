/**
 * Signals by name and number, and which of them wait for us: sigprocmask(2) (signal(7)). Small, because it comes before all
 * else: the engine of Bun starts a thread when its heap has grown a little, and that one must not take a signal of ours.
 */

import { bind, check, memory } from "./libc.ts";

const libc = bind({
  sigprocmask: ["int", "int", "ptr", "ptr"],
  sigpending: ["int", "ptr"],
  sigaction: ["int", "int", "ptr", "ptr"],
});

/** The standard signals, whose numbers x86_64 and arm64 share. */
export const signals = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGSTKFLT: 16,
  SIGCHLD: 17,
  SIGCONT: 18,
  SIGSTOP: 19,
  SIGTSTP: 20,
  SIGTTIN: 21,
  SIGTTOU: 22,
  SIGURG: 23,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGVTALRM: 26,
  SIGPROF: 27,
  SIGWINCH: 28,
  SIGIO: 29,
  SIGPWR: 30,
  SIGSYS: 31,
} as const;

/** Every signal there is, the real-time ones too. */
export const allSignals: number[] = [];
export const highestSignal = 64;
for (let number = 1; number <= highestSignal; number++) allSignals.push(number);

/** A sigset_t: bit n-1 stands for signal n. glibc and musl both reserve 128 bytes. */
export function sigset(numbers: Iterable<number>): Uint8Array {
  const set = memory(128);
  for (const number of numbers) set[(number - 1) >> 3]! |= 1 << ((number - 1) & 7);
  return set;
}

const SIG_BLOCK = 0;
const SIG_UNBLOCK = 1;
const SIG_SETMASK = 2;

/**
 * Blocks signals: they wait until somebody reads them from a signalfd. For this thread, and for those it starts later:
 * call it while there is one, because the kernel gives a process's signal to any thread that does not block it.
 */
export function blockSignals(numbers: Iterable<number>): void {
  check("sigprocmask", "SIG_BLOCK", libc.sigprocmask(SIG_BLOCK, sigset(numbers), null));
  // Where the caller ignores SIGCHLD the kernel waits for our children instead of us, and init would ignore it too.
  libc.sigaction(signals.SIGCHLD, memory(256), null);
}

/** They do what they do without us. */
export const unblockSignals = (numbers: Iterable<number>): void =>
  void check("sigprocmask", "SIG_UNBLOCK", libc.sigprocmask(SIG_UNBLOCK, sigset(numbers), null));

/** While something is done that may wait for others, these signals do what they do without us; then the mask is as it was. */
export function withUnblocked<Result>(numbers: Iterable<number>, act: () => Result): Result {
  const before = sigset([]);
  check("sigprocmask", "SIG_UNBLOCK", libc.sigprocmask(SIG_UNBLOCK, sigset(numbers), before));
  try {
    return act();
  } finally {
    check("sigprocmask", "SIG_SETMASK", libc.sigprocmask(SIG_SETMASK, before, null));
  }
}

/** The first of these (blocked) signals that waits to be taken (sigpending(2)). It goes on waiting. */
export function pendingSignal(numbers: Iterable<number>): number | undefined {
  const set = sigset([]);
  check("sigpending", "", libc.sigpending(set));
  return [...numbers].find((number) => set[(number - 1) >> 3]! & (1 << ((number - 1) & 7)));
}
