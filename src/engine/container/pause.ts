/** Standing still and going on: the freezer of a container's cgroup. */

import { ConflictError, hasCode } from "../../errors.ts";
import { readFileIfAny, statIfAny, writeSetting } from "../../linux/file.ts";
import { poll } from "../../linux/poll.ts";
import type { Paths } from "../../paths.ts";
import { type Container, emitContainerEvent, isUp } from "../record/container.ts";

/** Freezes every process of a container where it is (cgroup.freeze). */
export function pauseContainer(paths: Paths, container: Container): void {
  const { record, state, status } = container;
  if (status === "paused") throw new ConflictError(`container ${record.name} is paused already`);
  if (!isUp(container) || state.cgroup === undefined)
    throw new ConflictError(`container ${record.name} is not running`);
  try {
    writeSetting(`${state.cgroup}/cgroup.freeze`, "1");
  } catch (error) {
    // It has ended in this moment.
    if (!hasCode(error, "ENOENT", "ENODEV")) throw error;
    throw new ConflictError(`container ${record.name} is not running`);
  }
  waitForFreeze(state.cgroup);
  emitContainerEvent(paths, record, "pause");
}

const freezeLimitMs = 2000;

/** A process in the middle of a system call freezes when that is over. */
function waitForFreeze(cgroup: string): void {
  for (let waitedMs = 0; waitedMs < freezeLimitMs; waitedMs++) {
    if (/^frozen 1$/m.test(readFileIfAny(`${cgroup}/cgroup.events`) ?? "frozen 1")) return;
    poll([], 1);
  }
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
