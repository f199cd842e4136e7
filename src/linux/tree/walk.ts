/** Walking through directory trees by descriptors, and giving away all that is in one. */

import { hasCode } from "../../errors.ts";
import { openAt } from "../at.ts";
import { type ByteName, textOf } from "../byte-name.ts";
import { type Fd, O_DIRECTORY, O_NOFOLLOW, O_PATH, O_RDONLY, owned } from "../file.ts";
import { fstat } from "../stat.ts";
import { Descent } from "./descent.ts";
import { chownAt } from "./metadata.ts";
import { type Entry, listAt, unlessGone } from "./tree.ts";
import { tell, watchedEntries } from "./watch.ts";

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
 * Gives everything below an open directory to somebody (chown(2)), never through a symbolic link. What is theirs already
 * is not touched; what goes away meanwhile is left out.
 */
export function giveTree(directory: Fd, owner: { uid: number; gid: number }, subject: ByteName): void {
  let entries = 0;
  walkTree(directory, subject, ({ directory: parent, name, path }) => {
    using entry = owned(unlessGone(() => openAt(parent, name, O_PATH | O_NOFOLLOW)));
    if (entry === undefined) return false;
    if (++entries % watchedEntries === 0) tell({ work: "giving away", subject: textOf(subject), entries });
    const { type, uid, gid } = fstat(entry.fd);
    if (uid !== owner.uid || gid !== owner.gid) unlessGone(() => chownAt(parent, name, owner.uid, owner.gid, path()));
    return type === "directory";
  });
  if (entries >= watchedEntries) tell();
}
