/** Standing still and going on: the freezer of a container's cgroup. */

import { ConflictError, hasCode } from "../../errors.ts";
import { freezeCgroup } from "../../linux/cgroup.ts";
import { O_CREAT, O_RDWR, open, owned, writeSetting } from "../../linux/file.ts";
import { flock } from "../../linux/flock.ts";
import { unlink } from "../../linux/names.ts";
import { fstat, statIfAny } from "../../linux/stat.ts";
import type { Paths } from "../../paths.ts";
import { type Container, emitContainerEvent, isUp, readContainer } from "../record/container.ts";
import { pauseSuffix } from "../record/monitor-lock.ts";

/** Freezes every process of a container where it is (cgroup.freeze). */
export function pauseContainer(paths: Paths, container: Container): void {
  const { record, state, status } = container;
  if (status === "paused") throw new ConflictError(`container ${record.name} is paused already`);
  if (!isUp(container) || state.cgroup === undefined)
    throw new ConflictError(`container ${record.name} is not running`);
  try {
    freezeCgroup(state.cgroup);
  } catch (error) {
    // It has ended in this moment.
    if (!hasCode(error, "ENOENT", "ENODEV")) throw error;
    throw new ConflictError(`container ${record.name} is not running`);
  }
  emitContainerEvent(paths, record, "pause");
}

export function unpauseContainer(paths: Paths, container: Container): void {
  if (container.status !== "paused") throw new ConflictError(`container ${container.record.name} is not paused`);
  thaw(container);
  emitContainerEvent(paths, container.record, "unpause");
}

/** Lets a frozen container go on, so that it can take a signal. */
export function thaw({ state: { cgroup } }: Container): void {
  if (cgroup !== undefined && statIfAny(`${cgroup}/cgroup.freeze`)) writeSetting(`${cgroup}/cgroup.freeze`, "0");
}

/**
 * Holds a container still meanwhile. `running/<id>.pause` is locked by then, and empty: whoever finds it unlocked lets the container
 * go on (recover.ts). One that a user has paused has no such file.
 */
export async function whilePaused<Result>(
  paths: Paths,
  container: Container,
  use: () => Promise<Result>,
): Promise<Result> {
  const path = `${paths.running}/${container.record.id}${pauseSuffix}`;
  for (;;) {
    using lock = owned(open(path, O_RDWR | O_CREAT, 0o600));
    flock(lock.fd, { wait: true });
    // Another has just taken it away.
    if (fstat(lock.fd).nlink === 0) continue;
    try {
      pauseContainer(paths, container);
      try {
        return await use();
      } finally {
        unpauseContainer(paths, { ...container, status: "paused" });
      }
    } finally {
      unlink(path);
    }
  }
}

/** Somebody was killed who held it still. */
export function unpauseLeft(paths: Paths, id: string): void {
  const container = readContainer(paths, id);
  if (container?.status !== "paused") return;
  try {
    unpauseContainer(paths, container);
  } catch (error) {
    // It has ended in this moment.
    if (!hasCode(error, "ENOENT", "ENODEV")) throw error;
  }
}
