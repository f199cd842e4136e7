/** Standing still and going on: the freezer of a container's cgroup. */

import { ConflictError, UnsupportedError } from "../../errors.ts";
import { freezeCgroup } from "../../linux/cgroup.ts";
import { owned, writeSetting } from "../../linux/file.ts";
import { type ContainerState, lock, readState, type Status, statusOf } from "./state.ts";

/** @throws ConflictError unless it runs, or waits for `start`. */
export function pauseContainer(root: string, id: string): void {
  using _ = owned(lock(root, id));
  const cgroup = cgroupIf(root, readState(root, id), "running", "created");
  freezeCgroup(cgroup);
}

export function resumeContainer(root: string, id: string): void {
  using _ = owned(lock(root, id));
  const cgroup = cgroupIf(root, readState(root, id), "paused");
  writeSetting(`${cgroup}/cgroup.freeze`, "0");
}

function cgroupIf(root: string, state: ContainerState, ...allowed: Status[]): string {
  const status = statusOf(root, state);
  if (status === "stopped") throw new ConflictError("container not running");
  if (!allowed.includes(status))
    throw new ConflictError(`container not ${allowed.join(" or ")}: ${state.id} is ${status}`);
  if (state.cgroup === undefined)
    throw new UnsupportedError(`${state.id} has no cgroup of its own, so it can't be paused`);
  return state.cgroup;
}
