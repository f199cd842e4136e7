/** flock(2): who holds a file, and what is asked while somebody waits for it. */

import { EAGAIN, EINTR } from "./errno.ts";
import type { Fd } from "./file.ts";
import { allow, bind, readErrno } from "./libc.ts";

const libc = bind({ flock: ["int", "int", "int"], usleep: ["int", "int"] });

const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;

const betweenTriesUs = 10_000;
let whileWaiting: (() => void) | undefined;

/** What to ask again and again while a lock is waited for: it throws to end the waiting. Without it the kernel waits, however long. */
export function onLockWait(ask: () => void): void {
  whileWaiting = ask;
}

/** Asks it, if there is something to ask: for who waits in another way. */
export const askWhileWaiting = (): void => whileWaiting?.();

/** Does something that is not to be given up half way. */
export function uninterrupted<Result>(action: () => Result): Result {
  const before = whileWaiting;
  whileWaiting = undefined;
  try {
    return action();
  } finally {
    whileWaiting = before;
  }
}

/** flock(2), held until the descriptor is closed or the process dies. False if somebody else holds it and we do not wait. */
export function flock(fd: Fd, options: { shared?: boolean; wait: boolean }): boolean {
  const kind = options.shared ? LOCK_SH : LOCK_EX;
  for (;;) {
    const ask = options.wait ? whileWaiting : undefined;
    const operation = kind | (options.wait && !ask ? 0 : LOCK_NB);
    if (allow([EAGAIN, EINTR], "lock", `fd ${fd}`, libc.flock(fd, operation)) !== -1) return true;
    if (readErrno() !== EAGAIN) continue;
    if (!ask) return false;
    ask();
    libc.usleep(betweenTriesUs);
  }
}
