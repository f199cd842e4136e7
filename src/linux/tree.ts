/** Whole directory trees by descriptors: listing names as bytes, and giving away or removing all below a directory. */

import { hasCode } from "../errors.ts";
import { type ByteName, byteName, byteNameFrom, byteNameOf, chownAt, openAt, rmdirAt, textOf, unlinkAt } from "./at.ts";
import { cwd, type Fd, fstat, O_DIRECTORY, O_NOFOLLOW, O_PATH, O_RDONLY, owned, readEntries } from "./file.ts";

/** The names in an open directory, and whether getdents64(2) calls each a directory. */
export function listAt(directory: Fd, subject: ByteName): { name: ByteName; isDirectory: boolean }[] {
  const entries: { name: ByteName; isDirectory: boolean }[] = [];
  readEntries(directory, textOf(subject), (bytes, isDirectory) => {
    entries.push({ name: byteNameFrom(bytes), isDirectory });
  });
  return entries;
}

/**
 * Removes `entry` of the directory with everything below it, never through a symbolic link. What is not there is fine, also
 * what somebody else removes at the same time.
 */
export function removeTree(directory: Fd, entry: ByteName, subject: ByteName = entry): void {
  try {
    unlessGone(() => unlinkAt(directory, entry, subject));
  } catch (error) {
    if (!hasCode(error, "EISDIR", "EPERM")) throw error;
    removeDirectory(directory, entry, subject);
  }
}

/** The same for the path of a directory. */
export const removePath = (path: string): void => removeDirectory(cwd, byteNameOf(path));

/** Somebody may still put a file into what is being removed. */
const maxTries = 10;

function removeDirectory(directory: Fd, entry: ByteName, subject = entry): void {
  for (let tries = 1; ; tries++) {
    emptyDirectory(directory, entry, subject);
    try {
      unlessGone(() => rmdirAt(directory, entry, subject));
      return;
    } catch (error) {
      if (tries === maxTries || !hasCode(error, "ENOTEMPTY")) throw error;
    }
  }
}

function emptyDirectory(directory: Fd, entry: ByteName, subject: ByteName): void {
  using opened = owned(unlessGone(() => openAt(directory, entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, subject)));
  if (opened === undefined) return;
  const { fd } = opened;
  for (const { name, isDirectory } of unlessGone(() => listAt(fd, subject)) ?? []) {
    if (isDirectory) removeDirectory(fd, name, byteName`${subject}/${name}`);
    else removeTree(fd, name, byteName`${subject}/${name}`); // which also serves file systems that tell no types
  }
}

function unlessGone<Result>(call: () => Result): Result | undefined {
  try {
    return call();
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

/**
 * Gives everything below an open directory to somebody (chown(2)), never through a symbolic link. What is theirs already
 * is not touched; what goes away meanwhile is left out.
 */
export function giveTree(directory: Fd, owner: { uid: number; gid: number }, subject: ByteName): void {
  for (const { name } of unlessGone(() => listAt(directory, subject)) ?? []) {
    const path = byteName`${subject}/${name}`;
    using entry = owned(unlessGone(() => openAt(directory, name, O_PATH | O_NOFOLLOW, path)));
    if (entry === undefined) continue;
    const { type, uid, gid } = fstat(entry.fd);
    if (uid !== owner.uid || gid !== owner.gid) unlessGone(() => chownAt(directory, name, owner.uid, owner.gid, path));
    if (type !== "directory") continue;
    using below = owned(unlessGone(() => openAt(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, path)));
    if (below) giveTree(below.fd, owner, path);
  }
}
