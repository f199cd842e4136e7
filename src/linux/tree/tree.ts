/** Whole directory trees by descriptors: listing names as bytes, walking, and giving away or removing all below a directory. */

import { hasCode } from "../../errors.ts";
import { openAt, rmdirAt, unlinkAt } from "../at.ts";
import { type ByteName, byteName, byteNameFrom, byteNameOf, textOf } from "../byte-name.ts";
import { readEntries } from "../directory.ts";
import { cwd, type Fd, O_DIRECTORY, O_NOFOLLOW, O_PATH, O_RDONLY, owned } from "../file.ts";
import { fstat } from "../stat.ts";
import { Descent } from "./descent.ts";
import { chownAt } from "./metadata.ts";

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

/** Where a walk is: an open directory and an entry of it. */
export interface Place extends Entry {
  directory: Fd;
  /** For errors. */
  path: () => ByteName;
}

/**
 * Walks through everything below an open directory, never through a symbolic link. What goes away meanwhile is left out.
 * @param visit answers whether to go into a directory.
 */
export function walkTree(directory: Fd, subject: ByteName, visit: (place: Place) => boolean): void {
  using descent = new Descent(directory, subject);
  const pending: Entry[][] = [listAt(directory, subject)];
  while (pending.length > 0) {
    const entry = pending.at(-1)!.pop();
    if (!entry) {
      pending.pop();
      if (pending.length > 0) descent.leave();
      continue;
    }
    const { name } = entry;
    if (!visit({ ...entry, directory: descent.fd, path: () => descent.shown(name) })) continue;
    const fd = openDirectory(descent, name);
    if (fd === undefined) continue;
    descent.enter(name, fd);
    pending.push(listAt(fd, name));
  }
}

/** Undefined for what is no directory any more. */
function openDirectory(descent: Descent, name: ByteName): Fd | undefined {
  try {
    return openAt(descent.fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR", "ELOOP")) return undefined;
    throw error;
  }
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

/** Is told how many entries of a large tree are gone, now and then, and nothing when the tree is. */
type Watch = (entries?: number) => void;
let watch: Watch = () => {};

/** From now on `told` hears of every removal of this process that takes long: for who shows how far it is. */
export const watchRemovals = (told: Watch): void => {
  watch = told;
};

const watchedAt = 1024;

/** Somebody may still put a file into what is being removed. */
const maxTries = 10;

function removeDirectory(directory: Fd, entry: ByteName, subject = entry): void {
  for (let tries = 1; ; tries++) {
    try {
      removeOnce(directory, entry, subject);
      return;
    } catch (error) {
      // Somebody has moved a directory out from under us: begin again.
      if (tries === maxTries || !hasCode(error, "ESTALE")) throw error;
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
      if (++entries % watchedAt === 0) watch(entries);
      if (next.isDirectory || !unlinkUnlessDirectory(descent.fd, next.name, next.name)) enter(next.name, 1);
      continue;
    }
    const { name, tries } = open.pop()!;
    descent.leave();
    if (!rmdirIfEmpty(descent.fd, name, tries, open.length === 0 ? subject : name)) enter(name, tries + 1);
  }
  if (entries >= watchedAt) watch();
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
  walkTree(directory, subject, ({ directory: parent, name, path }) => {
    using entry = owned(unlessGone(() => openAt(parent, name, O_PATH | O_NOFOLLOW)));
    if (entry === undefined) return false;
    const { type, uid, gid } = fstat(entry.fd);
    if (uid !== owner.uid || gid !== owner.gid) unlessGone(() => chownAt(parent, name, owner.uid, owner.gid, path()));
    return type === "directory";
  });
}
