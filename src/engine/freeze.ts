/** Holding a container still for a moment, by its cgroup (cgroups(7), cgroup.freeze). */

import { findCgroup2 } from "../linux/cgroup.ts";
import { readFileIfAny, writeSetting } from "../linux/file.ts";
import { poll } from "../linux/poll.ts";
import { cgroupPath } from "../plan/clone.ts";

const limitMs = 2000;

/**
 * Runs `use` while no process of the container runs. One that is frozen already stays so.
 * @param unable hears that this host has no freezer, or that a process does not stop (it waits for a device).
 */
export async function whileFrozen<Result>(
  id: string,
  unable: (why: string) => void,
  use: () => Promise<Result>,
): Promise<Result> {
  const cgroup = findCgroup2();
  const directory = cgroup && cgroup.mountPoint + cgroupPath(id);
  const before = directory && readFileIfAny(`${directory}/cgroup.freeze`)?.trim();
  if (before === undefined) unable("this host has no cgroup v2 freezer");
  if (before !== "0") return await use();
  writeSetting(`${directory}/cgroup.freeze`, "1");
  try {
    const frozen = () => /^frozen 1$/m.test(readFileIfAny(`${directory}/cgroup.events`) ?? "frozen 1");
    for (let waitedMs = 0; !frozen(); waitedMs++) {
      if (waitedMs === limitMs) {
        unable("a process of it does not stop");
        break;
      }
      poll([], 1);
    }
    return await use();
  } finally {
    // Its end may have come first, and taken the group along.
    if (readFileIfAny(`${directory}/cgroup.freeze`) !== undefined) writeSetting(`${directory}/cgroup.freeze`, "0");
  }
}
