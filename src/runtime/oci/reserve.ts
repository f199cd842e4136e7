/** The ids of containers: each is taken once. */

import { ConflictError } from "../../errors.ts";
import { close, type Fd, O_DIRECTORY, O_RDONLY, openIfAny, writeNewFile } from "../../linux/file.ts";
import { flock } from "../../linux/flock.ts";
import { mkdirAll, mkdirIfNew } from "../../linux/names.ts";
import { fstat } from "../../linux/stat.ts";
import { removeIfUnfinished, type Unfinished } from "./remove.ts";
import { pathsOf } from "./state.ts";

/** Takes an id: the directory is ours, and locked. @throws ConflictError if it is taken. */
export function reserve(root: string, id: string, unfinished: Unfinished): Fd {
  const { directory, cleanup } = pathsOf(root, id);
  mkdirAll(root, 0o700);
  for (;;) {
    if (mkdirIfNew(directory, 0o700)) {
      const lock = openIfAny(directory, O_RDONLY | O_DIRECTORY);
      // Somebody who cleans up has found it empty and unlocked.
      if (lock === undefined) continue;
      if (flock(lock, { wait: false }) && fstat(lock).nlink > 0) {
        writeNewFile(cleanup, JSON.stringify(unfinished));
        return lock;
      }
      close(lock);
    } else if (removeIfUnfinished(root, id) === undefined)
      throw new ConflictError(`container with given ID already exists: ${id}`);
  }
}
