/** Makes an entry of a tar on the disk: a file up to its content, all others whole. The last one of a name counts. */

import { ConflictError, hasCode, InvalidError } from "../errors.ts";
import * as at from "../linux/at.ts";
import { type ByteName, textOf } from "../linux/byte-name.ts";
import { close, type Fd, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_PATH, O_RDONLY, O_WRONLY } from "../linux/file.ts";
import { linkAt, mknodAt, symlinkAt } from "../linux/tree/entries.ts";
import { chmodPath, chownAt, fchmod, fchown, utimesAt } from "../linux/tree/metadata.ts";
import { removeTree } from "../linux/tree/tree.ts";
import { belongsToFile, fsetxattr } from "../linux/tree/xattr.ts";
import { normalise, split } from "./entry-path.ts";
import type { Extraction } from "./extraction.ts";
import { isWhiteout, makeOpaque } from "./overlay.ts";
import type { TarEntry } from "./tar/entry.ts";
import { statAt } from "./view.ts";

const maxDevice = { major: 0xfff, minor: 0xfffff };

/** By the type of an entry. @throws InvalidError for what cannot be made, ConflictError for what may not be replaced. */
export const makers: Record<TarEntry["type"], (extraction: Extraction, entry: TarEntry, path: ByteName) => void> = {
  file: startFile,
  directory: makeDirectory,
  symlink: makeSymlink,
  hardlink: makeHardlink,
  char: makeDevice,
  block: makeDevice,
  fifo: makeDevice,
};

function startFile(extraction: Extraction, entry: TarEntry, path: ByteName): void {
  const { parents } = extraction;
  const [directory, name] = split(path);
  place(extraction, parents.open(directory), name, path, () => {
    const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
    extraction.file = at.openAt(parents.open(directory), name, flags, path, 0o600);
  });
  extraction.current = entry;
  extraction.filePath = path;
  extraction.hasHoles = false;
}

function makeDirectory(extraction: Extraction, entry: TarEntry, path: ByteName): void {
  const { root, parents, merge } = extraction;
  if (path === "") {
    if (!merge) describeDirectory(extraction, root, entry, path);
    return;
  }
  const [parentPath, name] = split(path);
  let hides = false;
  let isNew = true;
  try {
    at.mkdirAt(parents.open(parentPath), name, 0o700, path);
  } catch (error) {
    if (!hasCode(error, "EEXIST")) throw error;
    const old = statAt(parents.open(parentPath), name, path);
    isNew = old?.type !== "directory";
    if (isNew) {
      if (merge) throw new ConflictError(`cannot overwrite ${textOf(path)} with a directory`);
      hides = old !== undefined && isWhiteout(old);
      removeOld(extraction, parents.open(parentPath), name, path);
      at.mkdirAt(parents.open(parentPath), name, 0o700, path);
    }
  }
  const fd = at.openAt(parents.open(parentPath), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, path);
  parents.adopt(path, fd);
  if (hides) makeOpaque(fd, path);
  if (isNew || !merge) describeDirectory(extraction, fd, entry, path);
}

function describeDirectory(extraction: Extraction, fd: Fd, entry: TarEntry, path: ByteName): void {
  describe(fd, entry, path);
  extraction.directoryTimes.set(path, entry.mtime);
}

function makeSymlink(extraction: Extraction, entry: TarEntry, path: ByteName): void {
  const { parents } = extraction;
  const [directory, name] = split(path);
  const create = () => symlinkAt(entry.linkPath, parents.open(directory), name, path);
  place(extraction, parents.open(directory), name, path, create);
  const parent = parents.open(directory);
  chownAt(parent, name, entry.uid, entry.gid, path);
  utimesAt(parent, name, entry.mtime, path);
}

function makeDevice(extraction: Extraction, entry: TarEntry, path: ByteName): void {
  const { parents } = extraction;
  const { type, mode, major, minor } = entry as TarEntry & { type: "char" | "block" | "fifo" };
  if (!(major >= 0 && major <= maxDevice.major && minor >= 0 && minor <= maxDevice.minor))
    throw new InvalidError(`${textOf(path)} is device ${major}:${minor}, which cannot be`);
  const [directory, name] = split(path);
  place(extraction, parents.open(directory), name, path, () =>
    mknodAt(parents.open(directory), name, { type, mode: 0o600, major, minor }, path),
  );
  const parent = parents.open(directory);
  chownAt(parent, name, entry.uid, entry.gid, path);
  const fd = at.openAt(parent, name, O_PATH | O_NOFOLLOW, path);
  chmodPath(fd, mode, path);
  close(fd);
  utimesAt(parent, name, entry.mtime, path);
}

function makeHardlink(extraction: Extraction, entry: TarEntry, path: ByteName): void {
  const { parents } = extraction;
  const target = normalise(entry.linkPath);
  if (target === path) return;
  const found = target === "" ? undefined : parents.find(target);
  if (!found || found.stat.type === "directory")
    throw new InvalidError(
      `${textOf(path)} is a hard link to ${textOf(entry.linkPath)}, which is not a file of the image`,
    );
  const [foundDirectory, foundName] = split(found.path);
  const from = at.openInRoot(found.layer, foundDirectory, O_PATH | O_DIRECTORY, false);
  try {
    const [directory, name] = split(path);
    const create = () => linkAt(from, foundName, parents.open(directory), name, path);
    place(extraction, parents.open(directory), name, path, create);
  } finally {
    close(from);
  }
}

/** Repeats a creation after taking away what had the name before: the last entry of a name counts. */
function place(extraction: Extraction, parent: Fd, name: ByteName, path: ByteName, create: () => void): void {
  try {
    create();
  } catch (error) {
    if (!hasCode(error, "EEXIST")) throw error;
    removeOld(extraction, parent, name, path);
    create();
  }
}

/** Takes away what has the name of an entry, with all that is in it. */
export function removeOld(extraction: Extraction, parent: Fd, name: ByteName, path: ByteName): void {
  const { merge, totals, directoryTimes, parents } = extraction;
  const old = statAt(parent, name, path);
  if (merge && old?.type === "directory")
    throw new ConflictError(`cannot overwrite the directory ${textOf(path)} with something else`);
  totals.replaced ||= old !== undefined && !isWhiteout(old);
  removeTree(parent, name, path);
  for (const known of directoryTimes.keys())
    if (known === path || known.startsWith(`${path}/`)) directoryTimes.delete(known);
  parents.flush();
}

/** Owner first: chown(2) clears setuid bits and capabilities. */
export function describe(fd: Fd, entry: TarEntry, path: ByteName): void {
  fchown(fd, entry.uid, entry.gid, path);
  fchmod(fd, entry.mode, path);
  for (const [key, value] of entry.xattrs) if (isAllowed(key, entry)) fsetxattr(fd, key, value, path);
}

const isAllowed = (key: ByteName, { type }: TarEntry): boolean =>
  belongsToFile(key) && (key !== "security.capability" || type === "file");
