/** Writing a file of credentials: at once, for its owner alone, and so that it stays with whom it belonged to. */

import { fsyncSync, realpathSync } from "node:fs";
import { hasCode, UnsupportedError } from "../errors.ts";
import { byteNameOf } from "../linux/byte-name.ts";
import { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY, open, owned, writeAll } from "../linux/file.ts";
import { flock } from "../linux/flock.ts";
import { mkdirAll, rename, unlink } from "../linux/names.ts";
import { statIfAny } from "../linux/stat.ts";
import { fchown } from "../linux/tree/metadata.ts";
import { type AuthFile, readAuthFile } from "./auth-file.ts";
import type { AuthPlace } from "./auth-places.ts";

/**
 * Replaces what is in a file of credentials; nobody else of us writes it meanwhile. It is 0600, and of whom it was before, or of
 * the person whose it is to be.
 * @param change gets what is there
 */
export function changeAuthFile({ path, person }: AuthPlace, change: (file: AuthFile) => AuthFile): void {
  const directory = path.slice(0, path.lastIndexOf("/")) || "/";
  for (const made of mkdirAll(directory)) {
    using file = owned(open(made, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    if (person.uid !== undefined) fchown(file.fd, person.uid, person.gid ?? person.uid, byteNameOf(made));
  }
  using lock = owned(open(directory, O_RDONLY | O_DIRECTORY));
  flock(lock.fd, { wait: true });
  // Some people keep theirs elsewhere, and have a link here.
  const target = statIfAny(path) ? realpathSync(path) : path;
  const text = `${JSON.stringify(change(readAuthFile(target) ?? {}), undefined, "\t")}\n`;
  const { uid, gid } = statIfAny(target) ?? person;
  const temporary = `${target}.${process.pid}.new`;
  unlink(temporary);
  try {
    using file = owned(open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600));
    if (uid !== undefined && process.geteuid?.() === 0) fchown(file.fd, uid, gid ?? uid, byteNameOf(temporary));
    writeAll(file.fd, new TextEncoder().encode(text), temporary);
    fsyncSync(file.fd);
    rename(temporary, target);
  } catch (error) {
    if (!hasCode(error, "ENOENT", "EACCES")) unlink(temporary);
    if (hasCode(error, "EACCES", "EROFS"))
      throw new UnsupportedError(`cannot write ${target}: ${error.code} (${error.reason})`);
    throw error;
  }
}
