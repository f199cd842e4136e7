/** An entry of a tar: what its header and the extended headers before it say together. */

import { InvalidError } from "../../errors.ts";
import { type ByteName, byteName, textOf } from "../../linux/byte-name.ts";
import type { Time } from "../../linux/tree/metadata.ts";
import type { TarHeader } from "./header.ts";
import type { PaxFields } from "./pax.ts";

export interface TarEntry {
  type: "file" | "directory" | "symlink" | "hardlink" | "char" | "block" | "fifo";
  path: ByteName;
  /** What a symbolic or hard link points to; empty otherwise. */
  linkPath: ByteName;
  /** 0 to 0o7777. */
  mode: number;
  uid: number;
  gid: number;
  mtime: Time;
  /** Size of the file in bytes, holes included. */
  size: number;
  /** Bytes of content in the archive. */
  storedBytes: number;
  /** Where in the archive the content begins; of no use for sparse files. */
  contentOffset: number;
  sparse: boolean;
  major: number;
  minor: number;
  xattrs: Map<ByteName, Uint8Array>;
}

const types: Record<string, TarEntry["type"]> = {
  "0": "file",
  "7": "file", // contiguous
  S: "file", // old GNU sparse
  "1": "hardlink",
  "2": "symlink",
  "3": "char",
  "4": "block",
  "5": "directory",
  D: "directory", // GNU incremental: a directory and, as content, a list of names
  "6": "fifo",
};
const uidLimit = 2 ** 32 - 1; // (uid_t)-1 means "leave as it is" to chown(2)

/** Some writers keep ids in 32 bits with a sign: -2 is nobody's 4294967294. */
const unsigned = (id: number): number => (id < 0 && id >= -(2 ** 31) ? id + 2 ** 32 : id);

/** What came before a header and speaks of it. */
export interface Extensions {
  pax?: PaxFields;
  /** GNU's long name and long link. */
  path?: ByteName;
  linkPath?: ByteName;
  globals: PaxFields;
}

/** @param where names the archive and the offset for errors */
export function makeEntry(found: TarHeader, extensions: Extensions, where: () => string): TarEntry {
  const { pax, globals } = extensions;
  const flagType = types[found.flag];
  if (!flagType) throw new InvalidError(`${where()} has an entry of unknown type ${JSON.stringify(found.flag)}`);
  const path = pax?.path ?? extensions.path ?? found.name;
  // v7 had no type for directories: their names end in a slash.
  const type = flagType === "file" && path.endsWith("/") ? "directory" : flagType;
  const link = type === "hardlink" || type === "symlink";
  const uid = unsigned(pax?.uid ?? globals.uid ?? found.uid);
  const gid = unsigned(pax?.gid ?? globals.gid ?? found.gid);
  if (uid < 0 || gid < 0 || uid >= uidLimit || gid >= uidLimit)
    throw new InvalidError(`${where()}: ${textOf(path)} belongs to ${uid}:${gid}, which is not a valid user and group`);
  // Only files have content; old writers gave links and directories the size of the original, without content.
  const stored = type === "file" ? (pax?.size ?? found.size) : 0;
  return {
    type,
    path,
    linkPath: link ? (pax?.linkPath ?? extensions.linkPath ?? found.linkName) : byteName``,
    mode: found.mode,
    uid,
    gid,
    mtime: pax?.mtime ?? globals.mtime ?? { seconds: found.mtime, nanoseconds: 0 },
    size: stored,
    storedBytes: stored,
    contentOffset: 0,
    sparse: false,
    major: found.major,
    minor: found.minor,
    xattrs: pax?.xattrs ?? new Map(),
  };
}
