/** The lock files of containers, `running/<id>`: whoever holds one is the monitor of that container. */

import { O_NONBLOCK, O_RDONLY, openIfAny, owned } from "../../linux/file.ts";
import { flock } from "../../linux/flock.ts";
import type { Paths } from "../../paths.ts";
import type { Task } from "../../runtime/task.ts";

/** True while a process holds the lock that says so. */
export function hasMonitor(paths: Paths, id: string): boolean {
  using lock = owned(openIfAny(`${paths.running}/${id}`, O_RDONLY | O_NONBLOCK));
  return lock !== undefined && !flock(lock.fd, { shared: true, wait: false });
}

/** Waits until its monitor has ended: then all that happened is written down. */
export function waitForMonitor(paths: Paths, id: string): void {
  using lock = owned(openIfAny(`${paths.running}/${id}`, O_RDONLY | O_NONBLOCK));
  if (lock) flock(lock.fd, { shared: true, wait: true });
}

/** The first looks come soon: a monitor that is on its way out needs some milliseconds. */
const soonMs = 2;
const soonLooks = 50;
const laterMs = 20;

/**
 * The same, for who waits for several.
 * @param child of the monitor, a process that has ended: a monitor that somebody has stopped (Ctrl-Z, SIGSTOP) is made to go on,
 * as it has the end of its container to write down.
 */
export function* waitingForMonitor(paths: Paths, id: string, child?: number): Task<void> {
  using lock = owned(openIfAny(`${paths.running}/${id}`, O_RDONLY | O_NONBLOCK));
  if (lock === undefined) return;
  for (let looks = 0; !flock(lock.fd, { shared: true, wait: false }); looks++) {
    yield { forMs: looks < soonLooks ? soonMs : laterMs };
    if (looks >= 2 * soonLooks && child !== undefined) wake().wakeParent(child);
  }
}

/** Loaded for those who have waited for a second. */
const wake = () => require("./wake.ts") as typeof import("./wake.ts");

/** Of what stands beside the lock files of containers, `running/<id>.network` (engine/network/journal.ts). */
export const journalSuffix = ".network";

/** The same of one that is held still for as long as somebody commits it (engine/container/pause.ts). */
export const pauseSuffix = ".pause";

/** True for the lock file of a container itself. */
export const isLockFile = (name: string): boolean => !name.includes(".");
