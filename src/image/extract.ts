/**
 * Extracts a layer's tar into a directory, in one pass with its reader, in overlayfs's form (whiteouts become 0:0 devices).
 * Nothing outside the directory can be reached: parents are resolved by openat2 with the directory as root, everything else is
 * a single name relative to them, created exclusively. Works as root only: owners and devices are part of a layer.
 */

import { InvalidError, SyscallError } from "../errors.ts";
import * as at from "../linux/at.ts";
import { byteName } from "../linux/byte-name.ts";
import { close, type Fd } from "../linux/file.ts";
import { pwriteAll } from "../linux/pread.ts";
import { stat } from "../linux/stat.ts";
import { fchmod, fchown, ftruncate, futimens, timeOf } from "../linux/tree/metadata.ts";
import { normalise, split } from "./entry-path.ts";
import { describe, makers, removeOld } from "./extract-entry.ts";
import { count, type Extracted, type Extraction, type ExtractOptions } from "./extraction.ts";
import { openParents } from "./parents.ts";
import type { TarVisitor } from "./tar/content.ts";
import type { TarEntry } from "./tar/entry.ts";
import { createWhiteouts } from "./whiteouts.ts";
import { withoutZeros } from "./zeros.ts";

export interface Extractor extends TarVisitor {
  /** Sets the times of directories, which filling them changed. */
  finish(): Extracted;
  /** Closes what is open, also after a failure. */
  close(): void;
}

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
    totals: { entries: 0, bytes: 0, newest: 0, replaced: false, wideIds: new Set() },
    directoryTimes: new Map(),
    current: undefined,
    file: undefined,
    filePath: byteName``,
    hasHoles: false,
  };
  return extraction;
}

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

/** Zeros stay holes, which many tars have and no disk needs; the end is set when all is there. */
function writeContent(extraction: Extraction, bytes: Buffer, offset: number): void {
  let written = 0;
  for (const piece of withoutZeros(bytes, offset)) {
    pwriteAll(extraction.file!, piece.bytes, piece.offset, extraction.filePath);
    written += piece.bytes.length;
  }
  extraction.hasHoles ||= written < bytes.length;
}

function endFile(extraction: Extraction): void {
  const { filePath } = extraction;
  const [file, entry] = [extraction.file!, extraction.current!];
  if (entry.sparse || extraction.hasHoles) ftruncate(file, entry.size, filePath);
  describe(file, entry, filePath);
  futimens(file, entry.mtime, filePath);
  close(file);
  extraction.file = undefined;
}

function finish(extraction: Extraction): Extracted {
  const { root, parents, merge, directoryTimes, totals } = extraction;
  if (!merge && !directoryTimes.has(byteName``)) inheritRoot(extraction);
  for (const [path, time] of directoryTimes) {
    const fd = path === "" ? root : parents.open(path);
    futimens(fd, time, path);
  }
  return totals;
}

/** A layer that does not mention the root directory leaves it as it was below. */
function inheritRoot({ root, lowers, directoryTimes }: Extraction): void {
  const top = lowers.at(-1);
  const like = top === undefined ? { uid: 0, gid: 0, mode: 0o755, mtimeNs: 0n } : stat(top);
  fchown(root, like.uid, like.gid, byteName`/`);
  fchmod(root, like.mode, byteName`/`);
  directoryTimes.set(byteName``, timeOf(like.mtimeNs));
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
