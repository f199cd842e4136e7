/** Whole directory trees by descriptors: listing names as bytes, and removing all below a directory. */

import { hasCode } from "../../errors.ts";
import { openAt, rmdirAt, unlinkAt } from "../at.ts";
import { type ByteName, byteName, byteNameFrom, byteNameOf, textOf } from "../byte-name.ts";
import { readEntries } from "../directory.ts";
import { cwd, type Fd, O_DIRECTORY, O_NOFOLLOW, O_PATH, O_RDONLY, owned } from "../file.ts";
import { fstat } from "../stat.ts";
import { Descent } from "./descent.ts";
import { tell, watchedEntries } from "./watch.ts";

/** An entry of a directory, and whether getdents64(2) calls it one itself. */
export interface Entry {
  name: ByteName;
  isDirectory: boolean;
}

/** The names in an open directory. */
export function listAt(directory: Fd, subject: ByteName): Entry[] {
  const entries: Entry[] = [];
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
  if (!unlinkUnlessDirectory(directory, entry, subject)) removeDirectory(directory, entry, subject);
}

/** The same for the path of a directory. */
export const removePath = (path: string): void => removeDirectory(cwd, byteNameOf(path));

/** Somebody may still put a file into what is being removed. */
const maxTries = 10;

function removeDirectory(directory: Fd, entry: ByteName, subject = entry): void {
  for (let tries = 1; ; tries++) {
    try {
      removeOnce(directory, entry, subject);
      return;
    } catch (error) {
      // Somebody has moved a directory out from under us, or put something else in its place: begin again.
      if (tries === maxTries || !hasCode(error, "ESTALE", "ENOTDIR")) throw error;
    }
  }
}

/** A directory that is being emptied. */
interface Emptied {
  name: ByteName;
  pending: Entry[];
  tries: number;
}

function removeOnce(directory: Fd, entry: ByteName, subject: ByteName): void {
  using descent = new Descent(directory, byteName``);
  const open: Emptied[] = [];
  const enter = (name: ByteName, tries: number) => {
    const shown = open.length === 0 ? subject : name;
    const fd = unlessGone(() => openAt(descent.fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, shown));
    if (fd === undefined) return;
    descent.enter(shown, fd);
    open.push({ name, pending: listAt(fd, name), tries });
  };
  enter(entry, 1);
  let entries = 0;
  while (open.length > 0) {
    const next = open.at(-1)!.pending.pop();
    if (next) {
      if (++entries % watchedEntries === 0) tell({ work: "removing", entries });
      if (next.isDirectory || !unlinkUnlessDirectory(descent.fd, next.name, next.name)) enter(next.name, 1);
      continue;
    }
    const { name, tries } = open.pop()!;
    descent.leave();
    if (!rmdirIfEmpty(descent.fd, name, tries, open.length === 0 ? subject : name)) enter(name, tries + 1);
  }
  if (entries >= watchedEntries) tell();
}

/** @returns false for a directory; getdents64(2) of some file systems tells no types. */
function unlinkUnlessDirectory(directory: Fd, entry: ByteName, subject: ByteName): boolean {
  try {
    unlessGone(() => unlinkAt(directory, entry, subject));
    return true;
  } catch (error) {
    if (hasCode(error, "EISDIR")) return false;
    if (!hasCode(error, "EPERM")) throw error;
    using found = owned(unlessGone(() => openAt(directory, entry, O_PATH | O_NOFOLLOW)));
    if (found && fstat(found.fd).type !== "directory") throw error;
    return found === undefined;
  }
}

function rmdirIfEmpty(directory: Fd, name: ByteName, tries: number, subject: ByteName): boolean {
  try {
    unlessGone(() => rmdirAt(directory, name, subject));
    return true;
  } catch (error) {
    if (tries === maxTries || !hasCode(error, "ENOTEMPTY")) throw error;
    return false;
  }
}

/** Undefined where what the call is about is not there, or no more. */
export function unlessGone<Result>(call: () => Result): Result | undefined {
  try {
    return call();
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}
