/** The cgroup of a container: made and opened, and removed with all that is in it. */

import { hasCode } from "../errors.ts";
import { removeCgroup, removeEmptyCgroup } from "../linux/cgroup.ts";
import { type Fd, O_DIRECTORY, O_RDONLY, open } from "../linux/file.ts";
import { mkdir, mkdirAll } from "../linux/names.ts";
import { statIfAny } from "../linux/stat.ts";
import { commonCgroup } from "../plan/cgroup.ts";

const maxAttempts = 10;

/** Makes a container's cgroup (its lock file says whose it is) and opens it. @param made gets those above it that were not there. */
export function makeContainerCgroup(path: string, made: string[], existing = false): Fd {
  const above = path.slice(0, path.lastIndexOf("/"));
  for (let attempt = 1; ; attempt++) {
    try {
      made.push(...mkdirAll(above, 0o755));
      if (existing) mkdirAll(path, 0o755);
      else mkdir(path, 0o755);
      return open(path, O_RDONLY | O_DIRECTORY);
    } catch (error) {
      if (hasCode(error, "EROFS"))
        throw error.withHint("cgroups are read-only here: if this is inside of a container, it needs --privileged");
      // Whoever ended last has removed the cgroup that holds them all, between two steps of ours.
      if (!hasCode(error, "ENOENT", "ENODEV") || attempt === maxAttempts) throw error;
    }
  }
}

/** Removes a container's cgroup with all that is in it, and the one that holds them all after the last; one of the user's stays. */
export function removeContainerCgroup(cgroup: string, common = commonCgroup): void {
  const above = cgroup.slice(0, cgroup.lastIndexOf("/"));
  try {
    removeCgroup(cgroup);
    if (above.endsWith(common)) removeEmptyCgroup(above);
  } catch (error) {
    // Where cgroups are read-only none was made, which the kernel does not look for first.
    if (!hasCode(error, "EROFS") || statIfAny(cgroup)) throw error;
  }
}
