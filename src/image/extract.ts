/**
 * Extracts a layer's tar into a directory, in one pass with its reader, in overlayfs's form (whiteouts become 0:0 devices).
 * Nothing outside the directory can be reached: parents are resolved by openat2 with the directory as root, everything else is
 * a single name relative to them, created exclusively. Works as root only: owners and devices are part of a layer.
 */

import { ConflictError, hasCode, InvalidError, SyscallError } from "../errors.ts";
import * as at from "../linux/at.ts";
import { type ByteName, type Time, textOf, timeOf } from "../linux/at.ts";
import {
  close,
  type Fd,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  O_WRONLY,
  stat,
} from "../linux/file.ts";
import { removeTree } from "../linux/tree.ts";
import { belongsToFile } from "../linux/xattr.ts";
import { normalise, split } from "./entry-path.ts";
import { isWhiteout, makeOpaque } from "./overlay.ts";
import { openParents, type Parents } from "./parents.ts";
import type { TarVisitor } from "./tar-content.ts";
import type { TarEntry } from "./tar-entry.ts";
import { statAt } from "./view.ts";
import { createWhiteouts } from "./whiteouts.ts";
import { withoutZeros } from "./zeros.ts";

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
export function createExtractor(root: Fd, options: ExtractOptions): Extractor {
  const extraction = startExtraction(root, options);
  return {
    entry: (entry) => startEntry(extraction, entry),
    content: (bytes, offset) => writeContent(extraction, bytes, offset),
    end: () => endFile(extraction),
    finish: () => finish(extraction),
    close: () => closeAll(extraction),
  };
}

interface Extraction extends Required<ExtractOptions> {
  root: Fd;
  parents: Parents;
  whiteouts: { apply(path: ByteName): boolean };
  totals: Extracted;
  /** Set when all is extracted: filling a directory changes its times. */
  directoryTimes: Map<ByteName, Time>;
  /** The entry that came last. */
  current: TarEntry | undefined;
  /** Descriptor of the file that `current` is, while its content comes. */
  file: Fd | undefined;
  filePath: ByteName;
  /** Some of its content was left out. */
  hasHoles: boolean;
}

function startExtraction(root: Fd, { lowers, limits, merge = false }: ExtractOptions): Extraction {
  const parents = openParents(root, {
    lowers,
    onCreate(path, like) {
      const time = like ?? extraction.current?.mtime ?? { seconds: 0, nanoseconds: 0 };
      extraction.directoryTimes.set(path, time);
    },
    ...(!merge && { replace: (parent, name, path) => removeOld(extraction, parent, name, path) }),
  });
  const extraction: Extraction = {
    root,
    lowers,
    limits,
    merge,
    parents,
    whiteouts: createWhiteouts(parents, lowers.length > 0),
    totals: { entries: 0, bytes: 0, newest: 0, replaced: false },
    directoryTimes: new Map(),
    current: undefined,
    file: undefined,
    filePath: at.byteName``,
    hasHoles: false,
  };
  return extraction;
}

const makers: Record<TarEntry["type"], (extraction: Extraction, entry: TarEntry, path: ByteName) => void> = {
  file: startFile,
  directory: makeDirectory,
  symlink: makeSymlink,
  hardlink: makeHardlink,
  char: makeDevice,
  block: makeDevice,
  fifo: makeDevice,
};

/** @returns whether its content is wanted. */
function startEntry(extraction: Extraction, entry: TarEntry): boolean {
  count(extraction, entry);
  extraction.current = entry;
  const path = normalise(entry.path);
  if (!extraction.merge && extraction.whiteouts.apply(path)) return false;
  if (path === "" && entry.type !== "directory") throw new InvalidError("the root is not a directory");
  makers[entry.type](extraction, entry, path);
  return extraction.file !== undefined;
}

/** A sparse file costs no disk, but whoever copies it pays for the holes. */
const maxSparse = 2 ** 40;

function count({ totals, limits }: Extraction, entry: TarEntry): void {
  totals.entries++;
  totals.bytes += entry.storedBytes;
  totals.newest = Math.max(totals.newest, entry.mtime.seconds);
  if (totals.entries > limits.maxEntries) throw new InvalidError(`more than ${limits.maxEntries} entries`);
  if (totals.bytes > limits.maxBytes)
    throw new InvalidError(
      `${textOf(entry.path)} makes it more than ${limits.maxBytes} bytes when extracted`,
      "load --max-size sets another limit",
    );
  if (totals.bytes > limits.freeBytes)
    throw new SyscallError("write", textOf(entry.path), "ENOSPC", `only ${limits.freeBytes} bytes are free`);
  if (entry.sparse && entry.size > maxSparse)
    throw new InvalidError(`${textOf(entry.path)} is a sparse file of ${entry.size} bytes; ${maxSparse} are the limit`);
}

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

/** Zeros stay holes, which many tars have and no disk needs; the end is set when all is there. */
function writeContent(extraction: Extraction, bytes: Buffer, offset: number): void {
  let written = 0;
  for (const piece of withoutZeros(bytes, offset)) {
    at.pwriteAll(extraction.file!, piece.bytes, piece.offset, extraction.filePath);
    written += piece.bytes.length;
  }
  extraction.hasHoles ||= written < bytes.length;
}

function endFile(extraction: Extraction): void {
  const { filePath } = extraction;
  const [file, entry] = [extraction.file!, extraction.current!];
  if (entry.sparse || extraction.hasHoles) at.ftruncate(file, entry.size, filePath);
  describe(file, entry, filePath);
  at.futimens(file, entry.mtime, filePath);
  close(file);
  extraction.file = undefined;
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
  const create = () => at.symlinkAt(entry.linkPath, parents.open(directory), name, path);
  place(extraction, parents.open(directory), name, path, create);
  const parent = parents.open(directory);
  at.chownAt(parent, name, entry.uid, entry.gid, path);
  at.utimesAt(parent, name, entry.mtime, path);
}

function makeDevice(extraction: Extraction, entry: TarEntry, path: ByteName): void {
  const { parents } = extraction;
  const { type, mode, major, minor } = entry as TarEntry & { type: "char" | "block" | "fifo" };
  if (!(major >= 0 && major <= maxDevice.major && minor >= 0 && minor <= maxDevice.minor))
    throw new InvalidError(`${textOf(path)} is device ${major}:${minor}, which cannot be`);
  const [directory, name] = split(path);
  place(extraction, parents.open(directory), name, path, () =>
    at.mknodAt(parents.open(directory), name, { type, mode: 0o600, major, minor }, path),
  );
  const parent = parents.open(directory);
  at.chownAt(parent, name, entry.uid, entry.gid, path);
  const fd = at.openAt(parent, name, O_PATH | O_NOFOLLOW, path);
  at.chmodPath(fd, mode, path);
  close(fd);
  at.utimesAt(parent, name, entry.mtime, path);
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
    const create = () => at.linkAt(from, foundName, parents.open(directory), name, path);
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

function removeOld(extraction: Extraction, parent: Fd, name: ByteName, path: ByteName): void {
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
function describe(fd: Fd, entry: TarEntry, path: ByteName): void {
  at.fchown(fd, entry.uid, entry.gid, path);
  at.fchmod(fd, entry.mode, path);
  for (const [key, value] of entry.xattrs) if (isAllowed(key, entry)) at.fsetxattr(fd, key, value, path);
}

const isAllowed = (key: ByteName, { type }: TarEntry): boolean =>
  belongsToFile(key) && (key !== "security.capability" || type === "file");

function finish(extraction: Extraction): Extracted {
  const { root, parents, merge, directoryTimes, totals } = extraction;
  if (!merge && !directoryTimes.has(at.byteName``)) inheritRoot(extraction);
  for (const [path, time] of directoryTimes) {
    const fd = path === "" ? root : parents.open(path);
    at.futimens(fd, time, path);
  }
  return totals;
}

/** A layer that does not mention the root directory leaves it as it was below. */
function inheritRoot({ root, lowers, directoryTimes }: Extraction): void {
  const top = lowers.at(-1);
  const like = top === undefined ? { uid: 0, gid: 0, mode: 0o755, mtimeNs: 0n } : stat(top);
  at.fchown(root, like.uid, like.gid, at.byteName`/`);
  at.fchmod(root, like.mode, at.byteName`/`);
  directoryTimes.set(at.byteName``, timeOf(like.mtimeNs));
}

function closeAll(extraction: Extraction): void {
  const { file, merge, parents } = extraction;
  if (file !== undefined) close(file);
  if (file !== undefined && merge) removePartial(extraction);
  extraction.file = undefined;
  parents.close();
}

/** Half a file is worse than none: whoever finds it takes it for the whole. */
function removePartial({ parents, filePath }: Extraction): void {
  const [directory, name] = split(filePath);
  try {
    at.unlinkAt(parents.open(directory), name, filePath);
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error; // somebody else took it away; what failed before is what counts
  }
}
