/** Controllers for groups: each one above hands them down, and none of those may have processes of its own. */

import { hasCode, type SyscallError } from "../errors.ts";
import { type Cgroup2, moveToCgroup } from "./cgroup.ts";
import { readFile, writeSetting } from "./file.ts";
import { mkdirIfNew } from "./names.ts";

/** Gives a group these controllers, which the kernel wants from the root on, level by level. */
export function delegateControllers(cgroup2: Cgroup2, path: string, controllers: string[]): void {
  let directory = cgroup2.mountPoint;
  for (const level of path.split("/").filter(Boolean)) {
    enableControllers(directory, controllers, directory === cgroup2.mountPoint);
    directory += `/${level}`;
  }
}

/** @param isRoot of what we see. That of the whole machine may have processes; so it is that of a container we are in. */
function enableControllers(directory: string, controllers: string[], isRoot: boolean): void {
  if (controllers.length === 0) return;
  const file = `${directory}/cgroup.subtree_control`;
  const enabled = readFile(file).trim().split(" ");
  const missing = controllers.filter((name) => !enabled.includes(name));
  if (missing.length === 0) return;
  const enable = () => writeSetting(file, missing.map((name) => `+${name}`).join(" "));
  try {
    enable();
  } catch (error) {
    if (!hasCode(error, "EBUSY")) throw error;
    if (isRoot && moveProcessesBelow(directory)) {
      enable();
      return;
    }
    throw (error as SyscallError).withHint(
      `${directory} has processes of its own, so its children can have no controllers: move them into a group below it`,
    );
  }
}

const maxTries = 10;

/**
 * Makes room for containers where we are in a container ourselves: all processes go from the root of the cgroups that we see
 * into a group below it, as docker:dind, podman and kind have it. @returns false if some of them we can't move.
 */
function moveProcessesBelow(directory: string): boolean {
  const below = `${directory}/init`;
  mkdirIfNew(below, 0o755);
  // Whoever is moved may have made another meanwhile.
  for (let tries = 0; tries < maxTries; tries++) {
    const pids = readFile(`${directory}/cgroup.procs`).split("\n").filter(Boolean);
    if (pids.length === 0) return true;
    // 0 is one of another pid namespace.
    if (pids.includes("0")) return false;
    for (const pid of pids) moveToCgroup(pid, below);
  }
  return false;
}
