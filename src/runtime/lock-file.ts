/** The lock file of a container, `running/<id>`: whoever holds it is its monitor, and what stands in it is what that one would leave. */

import { Failure } from "../errors.ts";
import { type Fd, O_CREAT, O_RDWR, open, owned, writeAll } from "../linux/file.ts";
import { flock } from "../linux/flock.ts";
import { unlink } from "../linux/names.ts";
import { fstat } from "../linux/stat.ts";
import { readOpenRecord, type Unreadable } from "../record-file.ts";

/**
 * Gets what stands in the lock file of one who was killed, while we hold its lock: cleans up after that one and unlinks the file.
 * @throws if its container lives on.
 */
export type CleanUpDead = (content: string | Unreadable) => void;

/** Of a container that nobody had before: its id is a new one. */
export const isNew: CleanUpDead = () => {
  throw new Failure("somebody has the id of this new container already", "try again");
};

/**
 * Creates the lock file and locks it for life; whoever holds it is waited for. What one who was killed has left behind is known
 * from that file alone, and is taken away before another stands in its place: it may have died after whoever calls us looked.
 */
export function createLockFile(running: string, text: string, cleanUpDead: CleanUpDead): Fd {
  for (;;) {
    using lock = owned(open(running, O_RDWR | O_CREAT, 0o600));
    flock(lock.fd, { wait: true });
    // Between open and lock a cleaner may have taken the file for a dead one's and unlinked it.
    const { nlink, size } = fstat(lock.fd);
    if (nlink > 0 && size === 0) {
      try {
        writeAll(lock.fd, new TextEncoder().encode(text), running);
      } catch (error) {
        unlink(running);
        throw error;
      }
      return lock.handOff();
    }
    if (nlink > 0) cleanUpDead(readOpenRecord(lock.fd, running));
  }
}
