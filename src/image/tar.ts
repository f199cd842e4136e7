/**
 * Reads tar archives, strictly: ustar, v7, GNU and pax, in chunks of any size, without ever holding more than a header.
 * Every header is validated. A name is bytes (ByteName): what it may do to a file system is the extractor's business.
 */

import { InvalidError } from "../errors.ts";
import { type ByteName, byteNameIn } from "../linux/at.ts";
import { type PaxFields, parsePax } from "./pax.ts";
import {
  checkSparseMap,
  createSparseMapParser,
  readSparseBlock,
  readSparseSize,
  type SparseMap,
  scatter,
} from "./sparse.ts";
import { type Extensions, makeEntry, type TarEntry } from "./tar-entry.ts";
import { blockBytes, isZeroBlock, parseTarHeader, type TarHeader } from "./tar-header.ts";

/** Called in the order of the archive: `entry`, then for a file whose content is wanted `content` as often as needed, then `end`. */
export interface TarVisitor {
  /** Answers false to have the content skipped. */
  entry(entry: TarEntry): boolean;
  /** The bytes are only valid during the call. Holes of sparse files are not reported. */
  content(bytes: Buffer, offset: number): void;
  end(): void;
}

export interface TarReader {
  /** @throws InvalidError naming the offset */
  write(chunk: Uint8Array): void;
  /** How many of the bytes to come nobody wants; the caller may leave them out and must if it calls this. */
  skip(): number;
  /** The archive is over. @throws InvalidError if it ends inside an entry */
  finish(): void;
}

const maxHeaderBytes = 1 << 20; // one pax header or long name

/** `subject` is the archive's name in errors. */
export function createTarReader(visitor: TarVisitor, subject: string): TarReader {
  let position = 0;
  let seenZero = false;
  let ended = false;
  const partial = Buffer.from(new ArrayBuffer(blockBytes));
  let filled = 0;
  /** Body bytes to come, who takes them, and what happens then. */
  let left = 0;
  let padding = 0;
  let take: ((bytes: Buffer) => void) | undefined;
  let finishBody: (() => void) | undefined;
  /** Who reads the next block: the header reader, or an old GNU sparse file that has more pieces. */
  let readBlock = header;
  let extensions: Omit<Extensions, "globals"> = {};
  let globals: PaxFields = { xattrs: new Map() };

  const where = () => `${subject} at byte ${position}`;

  function body(size: number, taker: typeof take, finish?: () => void): void {
    left = size;
    padding = (blockBytes - (size % blockBytes)) % blockBytes;
    take = taker;
    finishBody = finish;
    if (left === 0) finishBody?.();
  }

  function header(bytes: Buffer, at: number): void {
    if (isZeroBlock(bytes, at)) {
      ended = seenZero;
      seenZero = true;
      return;
    }
    if (seenZero) throw new InvalidError(`${where()} goes on after a block of zeros`);
    const found = parseTarHeader(bytes, at, where);
    if (found.size < 0) throw new InvalidError(`${where()} has a negative size`);
    if ("xXgLK".includes(found.flag)) extension(found);
    else if (found.flag === "V") volumeName(found);
    else file(found, bytes, at);
  }

  function volumeName(found: TarHeader): void {
    extensions = {};
    body(found.size, undefined);
  }

  function file(found: TarHeader, bytes: Buffer, at: number): void {
    const entry = makeEntry(found, { ...extensions, globals }, where);
    entry.contentOffset = position + blockBytes;
    const sparse = entry.type === "file" ? extensions.pax?.sparse : undefined;
    extensions = {};
    if (found.flag === "S") oldSparse(entry, bytes, at);
    else if (sparse) paxSparse(entry, sparse);
    else plainContent(entry, found.flag === "D" ? found.size : entry.storedBytes);
  }

  function paxSparse(entry: TarEntry, sparse: NonNullable<PaxFields["sparse"]>): void {
    entry.sparse = true;
    entry.path = sparse.name ?? entry.path;
    entry.size = sparse.size ?? entry.size;
    if (sparse.major === 0) sparseContent(entry, sparse.map);
    else if (sparse.major === 1 && sparse.minor === 0) sparseContentAfterMap(entry);
    else throw new InvalidError(`${where()} has a sparse file in format ${sparse.major}.${sparse.minor}`);
  }

  function extension(found: TarHeader): void {
    if (found.size > maxHeaderBytes)
      throw new InvalidError(
        `${where()} has an extended header of ${found.size} bytes; ${maxHeaderBytes} are the limit`,
      );
    const collected = Buffer.allocUnsafeSlow(found.size);
    let length = 0;
    const collect = (bytes: Buffer) => {
      collected.set(bytes, length);
      length += bytes.length;
    };
    body(found.size, collect, () => {
      if (found.flag === "g") globals = { ...globals, ...parsePax(collected, where, true) };
      else if (found.flag === "L") extensions.path = longName(collected);
      else if (found.flag === "K") extensions.linkPath = longName(collected);
      else extensions.pax = parsePax(collected, where);
    });
  }

  function longName(bytes: Buffer): ByteName {
    const name = byteNameIn(bytes).replace(/\0+$/, "");
    if (name.includes("\0")) throw new InvalidError(`${where()} has a NUL in a long name`);
    return name;
  }

  function plainContent(entry: TarEntry, size: number): void {
    let offset = 0;
    const content = (bytes: Buffer) => {
      visitor.content(bytes, offset);
      offset += bytes.length;
    };
    const wanted = visitor.entry(entry) && entry.type === "file";
    body(size, wanted ? content : undefined, wanted ? () => visitor.end() : undefined);
  }

  function oldSparse(entry: TarEntry, bytes: Buffer, at: number): void {
    entry.sparse = true;
    entry.size = readSparseSize(bytes, at, where);
    const map: SparseMap = [];
    const begin = ({ more }: { more: boolean }) => {
      readBlock = more ? (block, from) => begin(readSparseBlock(map, block, from, true, where)) : header;
      if (!more) sparseContent(entry, map);
    };
    begin(readSparseBlock(map, bytes, at, false, where));
  }

  function sparseContent(entry: TarEntry, map: SparseMap): void {
    checkSparseMap(map, entry.storedBytes, entry.size, where);
    const wanted = visitor.entry(entry);
    body(
      entry.storedBytes,
      wanted ? scatter(map, visitor.content) : undefined,
      wanted ? () => visitor.end() : undefined,
    );
  }

  function sparseContentAfterMap(entry: TarEntry): void {
    const parser = createSparseMapParser(where);
    let spread: ((bytes: Buffer) => void) | undefined;
    const wanted = visitor.entry(entry);
    const content = (bytes: Buffer) => {
      const rest = spread ? bytes : bytes.subarray(parser.take(bytes));
      if (!spread && parser.done()) {
        checkSparseMap(parser.map, entry.storedBytes - parser.used(), entry.size, where);
        spread = wanted ? scatter(parser.map, visitor.content) : () => {};
      }
      if (rest.length > 0) spread?.(rest);
    };
    body(entry.storedBytes, content, () => {
      if (!spread) throw new InvalidError(`${where()} has a sparse file without its map`);
      if (wanted) visitor.end();
    });
  }

  return {
    write(chunk) {
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      for (let at = 0; at < bytes.length; ) {
        const before = at;
        if (left > 0) {
          at += Math.min(left, bytes.length - at);
          left -= at - before;
          take?.(before === 0 && at === bytes.length ? bytes : bytes.subarray(before, at));
          if (left === 0) finishBody?.();
        } else if (padding > 0) {
          at += Math.min(padding, bytes.length - at);
          padding -= at - before;
        } else if (ended) {
          at = bytes.length; // after the end marker anything may follow: writers fill up their last record
        } else if (filled === 0 && bytes.length - at >= blockBytes) {
          readBlock(bytes, at);
          at += blockBytes;
        } else {
          at += bytes.copy(partial, filled, at, Math.min(bytes.length, at + blockBytes - filled));
          filled += at - before;
          if (filled === blockBytes) {
            filled = 0;
            position -= blockBytes - (at - before);
            readBlock(partial, 0);
            position += blockBytes - (at - before);
          }
        }
        position += at - before;
      }
    },
    skip() {
      if (take || left === 0) return 0;
      const count = left + padding;
      position += count;
      left = 0;
      padding = 0;
      finishBody?.();
      return count;
    },
    finish() {
      if (left > 0 || padding > 0 || filled > 0 || readBlock !== header || Object.keys(extensions).length > 0)
        throw new InvalidError(`${subject} is cut off: it ends inside an entry at byte ${position}`);
      // Without an end marker but between entries it is accepted, as GNU tar does: many writers leave the marker out,
      // and what proves a layer whole is its digest.
    },
  };
}
