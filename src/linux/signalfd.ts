/** How this process takes its signals: signalfd(2), and what it ignores, sigaction(2). */

import { type Fd, read } from "./file.ts";
import { bind, check, memory } from "./libc.ts";
import { highestSignal, sigset } from "./signal.ts";

const libc = bind({
  signalfd: ["int", "int", "ptr", "int"],
  sigaction: ["int", "int", "ptr", "ptr"],
});

const SFD_CLOEXEC = 0o2000000;

/** signalfd(2): a descriptor that becomes readable when one of these (blocked) signals comes. */
export const signalfd = (numbers: Iterable<number>): Fd =>
  check("signalfd", "", libc.signalfd(-1, sigset(numbers), SFD_CLOEXEC)) as Fd;

/** The number of the next signal of a signalfd; waits for one. */
export function readSignal(fd: Fd): number {
  // struct signalfd_siginfo is 128 bytes and begins with the number.
  const info = memory(128);
  read(fd, info);
  return new DataView(info.buffer).getUint32(0, true);
}

const SIG_IGN = 1;

/** The signals that this process ignores (sigaction(2)), which its children inherit: Bun's SIGPIPE and SIGXFSZ, and the caller's. */
export function ignoredSignals(): number[] {
  // struct sigaction begins with the handler's address.
  const action = new Int32Array(new ArrayBuffer(256));
  const ignored: number[] = [];
  // 32 and 33 belong to libc, which answers EINVAL.
  for (let number = 1; number <= highestSignal; number++) {
    if (libc.sigaction(number, null, action) === 0 && action[0] === SIG_IGN && action[1] === 0) ignored.push(number);
  }
  return ignored;
}
