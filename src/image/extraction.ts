/** What an extraction goes by, what it has done so far, and the limits that it keeps. */

import { InvalidError, SyscallError } from "../errors.ts";
import { type ByteName, textOf } from "../linux/byte-name.ts";
import type { Fd } from "../linux/file.ts";
import type { Time } from "../linux/tree/metadata.ts";
import { readableBytes } from "../readable-bytes.ts";
import type { Parents } from "./parents.ts";
import type { TarEntry } from "./tar/entry.ts";

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
  /** Owners above 65535 that there are: the first ids of their ranges of 65536. */
  wideIds: Set<number>;
}

export const defaultLimits = { maxBytes: 256 * 2 ** 30, maxEntries: 2_000_000 };

/** One that goes on. */
export interface Extraction extends Required<ExtractOptions> {
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

/** A sparse file costs no disk, but whoever copies it pays for the holes. */
const maxSparse = 2 ** 40;

/** Ids of a range, as containers with a user namespace get them (runtime/userns/ranges.ts). */
const rangeSize = 65536;
/** A tar has owners as it likes; so many ranges are written down. */
const maxWide = 16;

/** The last range has the number that is none. */
const isWide = (id: number): boolean => id >= rangeSize && id < 0xffff_0000;

/** Adds an entry to the totals. @throws InvalidError where that is more than the limits, SyscallError where the disk is too small. */
export function count({ totals, limits }: Extraction, entry: TarEntry): void {
  totals.entries++;
  totals.bytes += entry.storedBytes;
  totals.newest = Math.max(totals.newest, entry.mtime.seconds);
  for (const id of [entry.uid, entry.gid])
    if (isWide(id) && totals.wideIds.size < maxWide) totals.wideIds.add(id - (id % rangeSize));
  if (totals.entries > limits.maxEntries) throw new InvalidError(`more than ${limits.maxEntries} entries`);
  if (totals.bytes > limits.maxBytes)
    throw new InvalidError(
      `${textOf(entry.path)} makes it more than ${readableBytes(limits.maxBytes)} when extracted`,
      "load --max-size sets another limit",
    );
  if (totals.bytes > limits.freeBytes)
    throw new SyscallError("write", textOf(entry.path), "ENOSPC", `only ${readableBytes(limits.freeBytes)} are free`);
  if (entry.sparse && entry.size > maxSparse)
    throw new InvalidError(
      `${textOf(entry.path)} is a sparse file of ${readableBytes(entry.size)}; ${readableBytes(maxSparse)} are the limit`,
    );
}
