/**
 * The terminal of a command that was left running (`exec` and the detach keys): without somebody who has the master open and
 * reads it, the command would be hung up, or wait for a reader. A process of its own does so until the command has ended.
 */

import { hasCode } from "../errors.ts";
import { type Fd, O_RDWR, open, owned, read } from "../linux/file.ts";
import { memory } from "../linux/libc.ts";
import { type Interest, POLLIN, poll } from "../linux/poll.ts";
import { stringVector } from "../linux/process.ts";
import { posixSpawn } from "../linux/spawn.ts";

export const keepTerminalCommand = "keep-terminal";
const masterFd = 3 as Fd;
const processFd = 4 as Fd;

/** Starts that process, and does not wait for it. */
export function handOffTerminal(master: Fd, pidfd: Fd): void {
  using nowhere = owned(open("/dev/null", O_RDWR));
  const fds = [nowhere.fd, nowhere.fd, nowhere.fd, master, pidfd];
  posixSpawn("/proc/self/exe", stringVector(["tinydocker", keepTerminalCommand]), stringVector([]), {
    fds,
    session: true,
  });
}

/** What it does. */
export function keepTerminal(): number {
  const block = memory(1 << 16);
  const master: Interest = { fd: masterFd, events: POLLIN };
  const ended: Interest = { fd: processFd, events: POLLIN };
  while (!ended.happened) {
    poll([master, ended]);
    if (master.happened && !readOnce(block)) master.fd = -1;
  }
  return 0;
}

/** @returns false when nobody will write to it any more. */
function readOnce(block: Uint8Array): boolean {
  try {
    return read(masterFd, block) > 0;
  } catch (error) {
    if (hasCode(error, "EAGAIN")) return true;
    if (hasCode(error, "EIO")) return false;
    throw error;
  }
}
