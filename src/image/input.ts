/** The file an image is loaded from: opened, spooled where it cannot be read twice, and told what it is by its content. */

import { InvalidError, NotFoundError } from "../errors.ts";
import { byteNameOf } from "../linux/byte-name.ts";
import {
  close,
  type Fd,
  O_CREAT,
  O_EXCL,
  O_NOCTTY,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  open,
  owned,
  writeAll,
} from "../linux/file.ts";
import { memory } from "../linux/libc.ts";
import { openSource, readWhenReady } from "../linux/nonblocking.ts";
import { pwriteAll } from "../linux/pread.ts";
import { fstat, statIfAny } from "../linux/stat.ts";
import { freeBytes } from "../linux/statfs.ts";
import { ftruncate } from "../linux/tree/metadata.ts";
import { isatty } from "../linux/tty.ts";
import type { Platform } from "../oci/manifest.ts";
import { readableBytes } from "../readable-bytes.ts";
import { isArchiveMark, looksLikeArchive, readArchive } from "./archive.ts";
import { type ArchivedImage, directoryFiles, indexArchive } from "./archive-files.ts";
import { type ByteRange, readCompressed, sniffRange } from "./compression.ts";
import { defaultLimits } from "./extraction.ts";
import type { TarVisitor } from "./tar/content.ts";
import { withoutZeros } from "./zeros.ts";

/** An opened image file. */
export interface Input {
  /** Its bytes; undefined for a directory. */
  range: ByteRange | undefined;
  /** False for a pipe, which has no name worth keeping. */
  named: boolean;
  /** The images of an OCI layout directory. */
  images?: ArchivedImage[];
  close(): void;
}

/** @param spool where to keep the bytes of a pipe; without it a pipe is refused. @param wanted what it is hoped to be. @param platform of several, of a layout. */
export function openInput(
  file: string,
  spool?: string,
  wanted: "image" | "tar" = "image",
  platform?: Partial<Platform>,
): Input {
  const found = statIfAny(file);
  if (!found) throw new NotFoundError(`no such file: ${file}`);
  const opened: Fd[] = [];
  const closeAll = () => {
    for (const fd of opened) close(fd);
  };
  try {
    if (found.type === "directory" && wanted === "tar") throw new InvalidError(`${file} is a directory, not a tar`);
    if (found.type === "directory") {
      const images = readArchive(directoryFiles(file, opened), platform);
      if (!images)
        throw new InvalidError(`${file} is a directory, but no OCI layout: it has no oci-layout and index.json`);
      return { range: undefined, named: true, images, close: closeAll };
    }
    if (found.type === "char" && isTerminal(file))
      throw new InvalidError(
        file === "/dev/stdin" ? "stdin is a terminal" : `${file} is a terminal`,
        "name a file (load -i FILE, import FILE), or use a pipe",
      );
    // A device may never end (/dev/zero), or is somebody's keyboard.
    if (found.type === "char" || found.type === "block")
      throw new InvalidError(
        `${file === "/dev/stdin" ? "stdin" : file} is a device, not ${wanted === "tar" ? "a tar" : "an image"}`,
      );
    if (found.type !== "file" && !spool) throw new InvalidError(`${file} is neither a file nor a directory`);
    const fd = found.type !== "file" && spool ? spoolPipe(file, spool) : open(file, O_RDONLY);
    opened.push(fd);
    const range = { fd, offset: 0, length: fstat(fd).size, subject: file };
    return { range, named: found.type === "file", close: closeAll };
  } catch (error) {
    closeAll();
    throw error;
  }
}

function isTerminal(file: string): boolean {
  using opened = owned(open(file, O_RDONLY | O_NOCTTY | O_NONBLOCK));
  return isatty(opened.fd);
}

const createSpool = (path: string): Fd => open(path, O_RDWR | O_CREAT | O_EXCL, 0o600);

function spoolPipe(file: string, path: string): Fd {
  using from = owned(openSource(file));
  using spool = owned(createSpool(path));
  const buffer = memory(1 << 20);
  for (let count = -1; count !== 0; ) {
    count = readWhenReady(from.fd, buffer);
    writeAll(spool.fd, buffer.subarray(0, count), path);
  }
  return spool.handOff();
}

/** Thrown out of an extraction when the root filesystem turns out to be an archive of images. */
export class ArchiveFound extends Error {}

/**
 * Watches the entries of what is hoped to be a root filesystem: most files are, and one pass is all they need.
 * @throws ArchiveFound from `entry`
 */
export function watchForArchive(extractor: TarVisitor): TarVisitor {
  let first = true;
  return {
    ...extractor,
    entry(entry) {
      const isRoot = /^[./]*$/.test(entry.path);
      if ((first && !isRoot && looksLikeArchive(entry.path)) || isArchiveMark(entry)) throw new ArchiveFound();
      first &&= isRoot;
      return extractor.entry(entry);
    },
  };
}

interface ArchiveOptions {
  limits?: { maxBytes?: number };
  /** Of several; without it the one for this machine. */
  platform?: Partial<Platform> | undefined;
}

/**
 * The images of a file that is likely an archive; undefined if it is a root filesystem after all. A compressed archive is
 * decompressed into `spool` first (its parts are needed in another order), and the range of that is what counts from then on.
 */
export async function readArchiveInput(
  range: ByteRange,
  spool: string,
  { limits: { maxBytes = defaultLimits.maxBytes } = {}, platform }: ArchiveOptions = {},
): Promise<{ images: ArchivedImage[] | undefined; range: ByteRange; close(): void }> {
  const compression = sniffRange(range);
  if (compression === "none") return { images: readArchive(indexArchive(range), platform), range, close() {} };
  using file = owned(createSpool(spool));
  let length = 0;
  const limit = Math.min(maxBytes, freeBytes(file.fd, spool));
  await readCompressed(range, compression, {
    content(chunk) {
      if (length + chunk.length > limit)
        throw new InvalidError(`${range.subject} has more than ${readableBytes(limit)} when decompressed`);
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
      for (const piece of withoutZeros(bytes, length)) pwriteAll(file.fd, piece.bytes, piece.offset, byteNameOf(spool));
      length += chunk.length;
    },
  });
  ftruncate(file.fd, length, byteNameOf(spool));
  const spooled = { fd: file.fd, offset: 0, length, subject: range.subject };
  const images = readArchive(indexArchive(spooled), platform);
  const fd = file.handOff();
  return { images, range: spooled, close: () => close(fd) };
}
