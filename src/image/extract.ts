/**
 * Extracts a layer's tar into a directory, in one pass with its reader, in overlayfs's form (whiteouts become 0:0 devices).
 * Nothing outside the directory can be reached: parents are resolved by openat2 with the directory as root, everything else is
 * a single name relative to them, created exclusively. Works as root only: owners and devices are part of a layer.
 */

import { ConflictError, hasCode, InvalidError, SyscallError } from "../errors.ts";
import * as at from "../linux/at.ts";
import { type ByteName, type Time, textOf } from "../linux/at.ts";
import { close, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_PATH, O_RDONLY, O_WRONLY, stat } from "../linux/file.ts";
import { removeTree } from "../linux/tree.ts";
import { normalise, split } from "./entry-path.ts";
import { isWhiteout, makeOpaque, openParents, timeOf } from "./parents.ts";
import type { TarVisitor } from "./tar.ts";
import type { TarEntry } from "./tar-entry.ts";
import { createWhiteouts, statAt } from "./whiteouts.ts";

export interface ExtractOptions {
  /** Directories of the layers below, bottom first. */
  lowers: readonly string[];
  limits: ExtractLimits;
  /**
   * The directory is in use, and no layer: `.wh.` names nothing special, directories that are there stay as they are, and none
   * of them gives way to a file or the other way round.
   */
  merge?: boolean;
}

export interface ExtractLimits {
  /** Bytes of content, holes left out. */
  maxBytes: number;
  /** What the disk has room for: better said before than after it is full. */
  freeBytes: number;
  maxEntries: number;
}

export interface Extracted {
  entries: number;
  bytes: number;
  /** The newest modification time of an entry, in whole seconds since 1970. */
  newest: number;
  /** An entry took the place of an earlier one. */
  replaced: boolean;
}

export interface Extractor extends TarVisitor {
  /** Sets the times of directories, which filling them changed. */
  finish(): Extracted;
  /** Closes what is open, also after a failure. */
  close(): void;
}

const maxDevice = { major: 0xfff, minor: 0xfffff };

export const defaultLimits = { maxBytes: 256 * 2 ** 30, maxEntries: 2_000_000 };

/** @param root an open directory, empty unless it is to be merged with */
export function createExtractor(root: number, { lowers, limits, merge = false }: ExtractOptions): Extractor {
  const directoryTimes = new Map<ByteName, Time>();
  const totals: Extracted = { entries: 0, bytes: 0, newest: 0, replaced: false };
  let current: TarEntry | undefined; // the entry whose file descriptor is `file`
  let currentPath = at.byteName``;
  let file = -1;

  const parents = openParents(root, lowers, (path, like) => {
    directoryTimes.set(path, like ?? current?.mtime ?? { seconds: 0, nanoseconds: 0 });
  });

  const whiteouts = createWhiteouts(parents, lowers.length > 0);

  function count(entry: TarEntry): void {
    totals.entries++;
    totals.bytes += entry.storedBytes;
    totals.newest = Math.max(totals.newest, entry.mtime.seconds);
    if (totals.entries > limits.maxEntries) throw new InvalidError(`more than ${limits.maxEntries} entries`);
    if (totals.bytes > limits.maxBytes)
      throw new InvalidError(`${textOf(entry.path)} makes it more than ${limits.maxBytes} bytes when extracted`);
    if (totals.bytes > limits.freeBytes)
      throw new SyscallError("write", textOf(entry.path), "ENOSPC", `only ${limits.freeBytes} bytes are free`);
    if (entry.sparse && entry.size > maxSparse)
      throw new InvalidError(
        `${textOf(entry.path)} is a sparse file of ${entry.size} bytes; ${maxSparse} are the limit`,
      );
  }

  /** Repeats a creation after taking away what had the name before: the last entry of a name counts. */
  function place(parent: number, name: ByteName, path: ByteName, create: () => void): void {
    try {
      create();
    } catch (error) {
      if (!hasCode(error, "EEXIST")) throw error;
      removeOld(parent, name, path);
      create();
    }
  }

  function removeOld(parent: number, name: ByteName, path: ByteName): void {
    if (merge && statAt(parent, name, path)?.type === "directory")
      throw new ConflictError(`cannot overwrite the directory ${textOf(path)} with something else`);
    totals.replaced = true;
    removeTree(parent, name, path);
    for (const known of directoryTimes.keys())
      if (known === path || known.startsWith(`${path}/`)) directoryTimes.delete(known);
    parents.forget();
  }

  function startFile(entry: TarEntry, path: ByteName): void {
    const [directory, name] = split(path);
    const create = () => {
      file = at.openAt(parents.open(directory), name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, path, 0o600);
    };
    place(parents.open(directory), name, path, create);
    current = entry;
    currentPath = path;
  }

  function directory(entry: TarEntry, path: ByteName): void {
    if (path === "") {
      if (!merge) describeDirectory(root, entry, path);
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
        removeOld(parents.open(parentPath), name, path);
        at.mkdirAt(parents.open(parentPath), name, 0o700, path);
      }
    }
    const fd = at.openAt(parents.open(parentPath), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, path);
    parents.adopt(path, fd);
    if (hides) makeOpaque(fd, path);
    if (isNew || !merge) describeDirectory(fd, entry, path);
  }

  function describeDirectory(fd: number, entry: TarEntry, path: ByteName): void {
    describe(fd, entry, path);
    directoryTimes.set(path, entry.mtime);
  }

  function symlink(entry: TarEntry, path: ByteName): void {
    const [directory, name] = split(path);
    place(parents.open(directory), name, path, () => at.symlinkAt(entry.linkPath, parents.open(directory), name, path));
    const parent = parents.open(directory);
    at.chownAt(parent, name, entry.uid, entry.gid, path);
    at.utimesAt(parent, name, entry.mtime, path);
  }

  function device(entry: TarEntry, path: ByteName): void {
    const { type, mode, major, minor } = entry as TarEntry & { type: "char" | "block" | "fifo" };
    if (!(major >= 0 && major <= maxDevice.major && minor >= 0 && minor <= maxDevice.minor))
      throw new InvalidError(`${textOf(path)} is device ${major}:${minor}, which cannot be`);
    const [directory, name] = split(path);
    place(parents.open(directory), name, path, () =>
      at.mknodAt(parents.open(directory), name, { type, mode: 0o600, major, minor }, path),
    );
    const parent = parents.open(directory);
    at.chownAt(parent, name, entry.uid, entry.gid, path);
    const fd = at.openAt(parent, name, O_PATH | O_NOFOLLOW, path);
    at.chmodPath(fd, mode, path);
    close(fd);
    at.utimesAt(parent, name, entry.mtime, path);
  }

  function hardlink(entry: TarEntry, path: ByteName): void {
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
      place(parents.open(directory), name, path, () => at.linkAt(from, foundName, parents.open(directory), name, path));
    } finally {
      close(from);
    }
  }

  /** Owner first: chown(2) clears setuid bits and capabilities. */
  function describe(fd: number, entry: TarEntry, path: ByteName): void {
    at.fchown(fd, entry.uid, entry.gid, path);
    at.fchmod(fd, entry.mode, path);
    for (const [key, value] of entry.xattrs) if (isAllowed(key, entry)) at.fsetxattr(fd, key, value, path);
  }

  const makers: Record<TarEntry["type"], (entry: TarEntry, path: ByteName) => void> = {
    file: startFile,
    directory,
    symlink,
    hardlink,
    char: device,
    block: device,
    fifo: device,
  };

  return {
    entry(entry) {
      count(entry);
      current = entry;
      const path = normalise(entry.path);
      if (!merge && whiteouts.apply(path)) return false;
      if (path === "" && entry.type !== "directory") throw new InvalidError("the root is not a directory");
      makers[entry.type](entry, path);
      return file !== -1;
    },
    content(bytes, offset) {
      at.pwriteAll(file, bytes, offset, currentPath);
    },
    end() {
      const entry = current as TarEntry;
      if (entry.sparse) at.ftruncate(file, entry.size, currentPath);
      describe(file, entry, currentPath);
      at.futimens(file, entry.mtime, currentPath);
      close(file);
      file = -1;
    },
    finish() {
      if (!merge && !directoryTimes.has(at.byteName``)) inheritRoot();
      for (const [path, time] of directoryTimes) {
        const fd = path === "" ? root : parents.open(path);
        at.futimens(fd, time, path);
      }
      return totals;
    },
    close() {
      if (file !== -1) close(file);
      if (file !== -1 && merge) removePartial();
      file = -1;
      parents.close();
    },
  };

  /** Half a file is worse than none: whoever finds it takes it for the whole. */
  function removePartial(): void {
    const [directory, name] = split(currentPath);
    try {
      at.unlinkAt(parents.open(directory), name, currentPath);
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error; // somebody else took it away; what failed before is what counts
    }
  }

  /** A layer that does not mention the root directory leaves it as it was below. */
  function inheritRoot(): void {
    const top = lowers.at(-1);
    const like = top === undefined ? { uid: 0, gid: 0, mode: 0o755, mtimeNs: 0n } : stat(top);
    at.fchown(root, like.uid, like.gid, at.byteName`/`);
    at.fchmod(root, like.mode, at.byteName`/`);
    directoryTimes.set(at.byteName``, timeOf(like.mtimeNs));
  }
}

/** A sparse file costs no disk, but whoever copies it pays for the holes. */
const maxSparse = 2 ** 40;

/** Capabilities and plain user attributes; never what steers overlayfs or a security module (SECURITY R32). */
function isAllowed(key: ByteName, entry: TarEntry): boolean {
  if (key === "security.capability") return entry.type === "file";
  return key.startsWith("user.") && !key.startsWith("user.overlay.");
}
