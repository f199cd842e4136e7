/** The named files of an archive of images, wherever they are: in a tar, or in a directory. */

import { hasCode, InvalidError } from "../errors.ts";
import { textOf } from "../linux/byte-name.ts";
import { close, type Fd, O_NONBLOCK, O_RDONLY, open } from "../linux/file.ts";
import { memory } from "../linux/libc.ts";
import { pread } from "../linux/pread.ts";
import { fstat } from "../linux/stat.ts";
import type { Digest } from "../oci/digest.ts";
import { readableBytes } from "../readable-bytes.ts";
import type { ByteRange } from "./compression.ts";
import type { TarVisitor } from "./tar/content.ts";
import type { TarEntry } from "./tar/entry.ts";
import { createTarReader } from "./tar/reader.ts";

/** A layer as it is stored. */
export interface LayerBlob {
  /** Where its bytes are; undefined where only the names of things are known. */
  range: ByteRange | undefined;
  /** What its stored bytes must hash to, where the archive says so. */
  digest?: Digest;
  mediaType?: string;
}

/** An image that an archive holds, before anything of it is loaded. */
export interface ArchivedImage {
  /** The configuration, byte for byte. */
  config: Uint8Array;
  /** As many as `rootfs.diff_ids`, bottom first. */
  layers: LayerBlob[];
  /** Canonical. Empty if the archive names none. */
  references: string[];
}

/** The named files of an archive, wherever they are. */
export interface ArchiveFiles {
  subject: string;
  has(name: string): boolean;
  /** A small file, whole. @throws InvalidError if it is missing or larger than `maxBytes` */
  read(name: string, maxBytes: number): Uint8Array;
  /** Where a file's bytes are. @throws InvalidError if it is missing */
  range(name: string): ByteRange | undefined;
  /** True if there are directories that every root filesystem has. */
  looksLikeRootfs: boolean;
}

/** Directories that nearly every root filesystem has, and no archive of images. */
export const namesOfRootfs = new Set(["bin", "etc", "usr", "lib", "sbin", "var"]);
const maxIndexed = 1_000_000;

/** One entry of an archive's table: where a file's content is, or what it links to. */
type Indexed = { offset: number; length: number } | { target: string };

/** Collects the table of an archive while its tar is read. */
export function createIndexer(): {
  visit: (entry: TarEntry) => void;
  table: Map<string, Indexed>;
  rootfs: () => boolean;
} {
  const table = new Map<string, Indexed>();
  let rootfs = false;
  const visit = (entry: TarEntry) => {
    const name = entryName(textOf(entry.path));
    if (namesOfRootfs.has(name)) rootfs = true;
    if (table.size >= maxIndexed) throw new InvalidError(`more than ${maxIndexed} entries`);
    if (entry.type === "symlink") table.set(name, { target: resolveLink(name, textOf(entry.linkPath)) });
    else if (entry.type === "hardlink") table.set(name, { target: entryName(textOf(entry.linkPath)) });
    else if (entry.type === "file" && !entry.sparse)
      table.set(name, { offset: entry.contentOffset, length: entry.storedBytes });
  };
  return { visit, table, rootfs: () => rootfs };
}

/** A name in an archive without `./` and the like. */
export const entryName = (path: string): string =>
  path
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .join("/");

/** A symbolic link of an archive (old `docker save` shares layers so), by names alone. */
function resolveLink(name: string, target: string): string {
  const parts = target.startsWith("/") ? [] : name.split("/").slice(0, -1);
  for (const part of target.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.join("/");
}

/** Reads the table of an uncompressed tar by its headers alone. */
export function indexArchive(range: ByteRange): ArchiveFiles {
  const { visit, table, rootfs } = createIndexer();
  const visitor: TarVisitor = {
    entry(entry) {
      visit(entry);
      return false;
    },
    content() {},
    end() {},
  };
  const reader = createTarReader(visitor, range.subject);
  const buffer = memory(16 << 10);
  for (let at = 0; at < range.length; ) {
    const count = pread(range.fd, buffer, range.offset + at, range.subject);
    reader.write(buffer.subarray(0, count));
    at += count + reader.skip();
    if (count === 0 && at < range.length) break; // shrunk under us: finish() says so
    if (at > range.length) throw new InvalidError(`${range.subject} is cut off: its last entry is not whole`);
  }
  reader.finish();
  const locate = (name: string): { offset: number; length: number } => {
    let found = table.get(entryName(name));
    for (let links = 0; found && "target" in found && links < 8; links++) found = table.get(found.target);
    if (!found || "target" in found) throw new InvalidError(`${range.subject} has no ${name}`);
    return found;
  };
  const files: ArchiveFiles = {
    subject: range.subject,
    looksLikeRootfs: rootfs(),
    has: (name) => table.has(name),
    range(name) {
      const { offset, length } = locate(name);
      return { fd: range.fd, offset: range.offset + offset, length, subject: `${name} of ${range.subject}` };
    },
    read: (name, maxBytes) => readWhole(files.range(name) as ByteRange, maxBytes),
  };
  return files;
}

/** The files of an OCI layout directory. `opened` collects the descriptors to close. */
export function directoryFiles(directory: string, opened: Fd[]): ArchiveFiles {
  const locate = (name: string): ByteRange => {
    const fd = open(`${directory}/${name}`, O_RDONLY | O_NONBLOCK); // a fifo must not hold us
    opened.push(fd);
    const { type, size } = fstat(fd);
    if (type !== "file") throw new InvalidError(`${directory}/${name} is not a file`);
    return { fd, offset: 0, length: size, subject: `${directory}/${name}` };
  };
  const attempt = (name: string): ByteRange | undefined => {
    try {
      return locate(name);
    } catch (error) {
      if (hasCode(error, "ENOENT", "ENOTDIR")) return undefined;
      throw error;
    }
  };
  const need = (name: string): ByteRange => {
    const range = attempt(name);
    if (!range) throw new InvalidError(`${directory} has no ${name}`);
    return range;
  };
  return {
    subject: directory,
    looksLikeRootfs: false,
    has: (name) => attempt(name) !== undefined,
    range: need,
    read(name, maxBytes) {
      const range = need(name);
      const content = readWhole(range, maxBytes);
      close(opened.splice(opened.indexOf(range.fd), 1)[0] as Fd);
      return content;
    },
  };
}

export function readWhole(range: ByteRange, maxBytes: number): Uint8Array {
  if (range.length > maxBytes) throw new InvalidError(`${range.subject} is larger than ${readableBytes(maxBytes)}`);
  const content = memory(range.length);
  for (let at = 0; at < content.length; ) {
    const count = pread(range.fd, content.subarray(at), range.offset + at, range.subject);
    if (count === 0) throw new InvalidError(`${range.subject} is cut off`);
    at += count;
  }
  return content;
}
