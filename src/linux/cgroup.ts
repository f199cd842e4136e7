/** The cgroup v2 file system of this host: where it is, which controllers it has, and what is done to one group (cgroups(7)). */

import { Failure, hasCode } from "../errors.ts";
import { readdir } from "./directory.ts";
import { readFileIfAny, writeSetting } from "./file.ts";
import { rmdir } from "./names.ts";
import { poll } from "./poll.ts";

/** A host's cgroup v2: the mount point and the controllers it can enforce limits with. */
export interface Cgroup2 {
  mountPoint: string;
  /** "cpu", "memory", "pids", ... Empty in the hybrid mode of systemd, where cgroup v1 holds the controllers. */
  controllers: string[];
}

let found: { cgroup2: Cgroup2 | undefined } | undefined;

/** Finds cgroup v2: alone (the usual), beside v1 (hybrid), or not at all. Looked for once: a run asks four times. */
export function findCgroup2(): Cgroup2 | undefined {
  found ??= { cgroup2: readCgroup2Mount() };
  return found.cgroup2;
}

function readCgroup2Mount(): Cgroup2 | undefined {
  for (const mountPoint of ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]) {
    const controllers = readFileIfAny(`${mountPoint}/cgroup.controllers`);
    if (controllers !== undefined) return { mountPoint, controllers: controllers.split(/\s+/).filter(Boolean) };
  }
  return undefined;
}

/** A file of a group, or undefined where there is no such file, or the group is removed at this moment. */
export function readCgroupFile(directory: string | undefined, file: string): string | undefined {
  try {
    return directory === undefined ? undefined : readFileIfAny(`${directory}/${file}`);
  } catch (error) {
    if (hasCode(error, "ENODEV")) return undefined;
    throw error;
  }
}

/** cgroup.kill: every process of the group and below dies now, also while it forks. A group that is gone has none. */
export function killCgroup(directory: string): void {
  try {
    // A frozen process does not die of a signal on every kernel.
    if (readCgroupFile(directory, "cgroup.freeze")?.trim() === "1") writeSetting(`${directory}/cgroup.freeze`, "0");
    writeSetting(`${directory}/cgroup.kill`, "1");
  } catch (error) {
    if (!hasCode(error, "ENOENT", "ENODEV")) throw error;
  }
}

const freezeLimitMs = 2000;

/** cgroup.freeze: every process stands still; one in a system call does when that is over. */
export function freezeCgroup(directory: string): void {
  writeSetting(`${directory}/cgroup.freeze`, "1");
  for (let waitedMs = 0; waitedMs < freezeLimitMs; waitedMs++) {
    if (/^frozen 1$/m.test(readCgroupFile(directory, "cgroup.events") ?? "frozen 1")) return;
    poll([], 1);
  }
}

/** Removes a group if nothing is in it: no process and no group. */
export const removeEmptyCgroup = (directory: string): void => void rmdir(directory);

const removalLimitMs = 5000;

/** Removes a group and its children, killing what is left in them. A group that is not there is fine. */
export function removeCgroup(directory: string): void {
  for (let waitedMs = 0; !rmdir(directory); waitedMs++) {
    if (waitedMs > removalLimitMs) throw new Failure(`cannot remove the cgroup ${directory}: its processes do not die`);
    // Busy: processes live in it, or it has children. A killed process leaves its group a moment after it died.
    if (waitedMs === 0) killCgroup(directory);
    for (const name of readdir(directory, "directories") ?? []) removeCgroup(`${directory}/${name}`);
    poll([], 1);
  }
}

/** Moves a process into a cgroup, given by its directory. One that has ended is nowhere, which is fine. */
export function moveToCgroup(pid: number | string, cgroup: string): void {
  try {
    writeSetting(`${cgroup}/cgroup.procs`, String(pid));
  } catch (error) {
    if (!hasCode(error, "ESRCH")) throw error;
  }
}
