/** What comes of a tar's entries: each is told to the visitor, with its content as it comes, sparse files in their pieces. */

import { InvalidError } from "../../errors.ts";
import { type Extensions, makeEntry, type TarEntry } from "./entry.ts";
import { blockBytes, type TarHeader } from "./header.ts";
import type { PaxFields } from "./pax.ts";
import {
  checkSparseMap,
  createSparseMapParser,
  readSparseBlock,
  readSparseSize,
  type SparseMap,
  scatter,
} from "./sparse.ts";

/** Called in the order of the archive: `entry`, then for a file whose content is wanted `content` as often as needed, then `end`. */
export interface TarVisitor {
  /** Answers false to have the content skipped. */
  entry(entry: TarEntry): boolean;
  /** The bytes are only valid during the call. Holes of sparse files are not reported. */
  content(bytes: Buffer, offset: number): void;
  end(): void;
}

/** An archive that is being read. */
export interface Reading {
  visitor: TarVisitor;
  subject: string;
  /** Of the bytes that are being read, from the beginning of the archive. */
  position: number;
  /** The last block was one of zeros: with a second one the archive has ended. */
  seenZero: boolean;
  ended: boolean;
  /** Bytes after its end. */
  trailer: number;
  /** A block that comes in more than one chunk, and how much of it has come. */
  partial: Buffer;
  filled: number;
  /** Bytes of an entry's body that are to come, and of the padding after it. */
  left: number;
  padding: number;
  /** Gets the bytes of the body; undefined if nobody wants them. */
  take: ((reading: Reading, bytes: Buffer) => void) | undefined;
  /** Called when all of the body has come. */
  finishBody: ((reading: Reading) => void) | undefined;
  /** Of the bytes that `passContent` gets next, in the file. */
  contentOffset: number;
  /** An old GNU sparse file with more pieces: they are in the next block, where a header would be otherwise. */
  unfinished: { entry: TarEntry; map: SparseMap } | undefined;
  /** What the extended headers say of the next entry, and of all that follow. */
  extensions: Omit<Extensions, "globals">;
  globals: PaxFields;
  /** Where we are, for errors. */
  where: () => string;
}

/** The bytes that follow a header, and who gets them. */
export function startBody(
  reading: Reading,
  size: number,
  take: Reading["take"],
  finishBody?: Reading["finishBody"],
): void {
  reading.left = size;
  reading.padding = (blockBytes - (size % blockBytes)) % blockBytes;
  reading.take = take;
  reading.finishBody = finishBody;
  if (size === 0) finishBody?.(reading);
}

/** Begins an entry that a header describes, the extended headers before it included. @throws InvalidError */
export function startEntry(reading: Reading, found: TarHeader, bytes: Buffer, at: number): void {
  const { extensions, globals, where } = reading;
  const entry = makeEntry(found, { ...extensions, globals }, where);
  entry.contentOffset = reading.position + blockBytes;
  const sparse = entry.type === "file" ? extensions.pax?.sparse : undefined;
  reading.extensions = {};
  if (found.flag === "S") startOldSparse(reading, entry, bytes, at);
  else if (sparse) startPaxSparse(reading, entry, sparse);
  else startPlain(reading, entry, found.flag === "D" ? found.size : entry.storedBytes);
}

function startPlain(reading: Reading, entry: TarEntry, size: number): void {
  const wanted = reading.visitor.entry(entry) && entry.type === "file";
  reading.contentOffset = 0;
  startBody(reading, size, wanted ? passContent : undefined, wanted ? endContent : undefined);
}

function passContent(reading: Reading, bytes: Buffer): void {
  reading.visitor.content(bytes, reading.contentOffset);
  reading.contentOffset += bytes.length;
}

const endContent = ({ visitor }: Reading): void => visitor.end();

function startOldSparse(reading: Reading, entry: TarEntry, bytes: Buffer, at: number): void {
  entry.sparse = true;
  entry.size = readSparseSize(bytes, at, reading.where);
  readPieces(reading, { entry, map: [] }, bytes, at, false);
}

/** The pieces of an old GNU sparse file that one block names; `isExtension` is one that follows the header. */
export function readPieces(
  reading: Reading,
  file: NonNullable<Reading["unfinished"]>,
  bytes: Buffer,
  at: number,
  isExtension: boolean,
): void {
  const { more } = readSparseBlock(file.map, bytes, at, isExtension, reading.where);
  reading.unfinished = more ? file : undefined;
  if (!more) startSparse(reading, file.entry, file.map);
}

function startPaxSparse(reading: Reading, entry: TarEntry, sparse: NonNullable<PaxFields["sparse"]>): void {
  entry.sparse = true;
  entry.path = sparse.name ?? entry.path;
  entry.size = sparse.size ?? entry.size;
  if (sparse.major === 0) startSparse(reading, entry, sparse.map);
  else if (sparse.major === 1 && sparse.minor === 0) startSparseAfterMap(reading, entry);
  else throw new InvalidError(`${reading.where()} has a sparse file in format ${sparse.major}.${sparse.minor}`);
}

function startSparse(reading: Reading, entry: TarEntry, map: SparseMap): void {
  const { visitor, where } = reading;
  checkSparseMap(map, entry.storedBytes, entry.size, where);
  const spread = visitor.entry(entry) ? scatter(map, visitor.content) : undefined;
  const take = spread && ((_: Reading, bytes: Buffer) => spread(bytes));
  startBody(reading, entry.storedBytes, take, spread && endContent);
}

/** The map is at the beginning of the content. */
function startSparseAfterMap(reading: Reading, entry: TarEntry): void {
  const { visitor, where } = reading;
  const parser = createSparseMapParser(where);
  let spread: ((bytes: Buffer) => void) | undefined;
  const wanted = visitor.entry(entry);
  const content = (_: Reading, bytes: Buffer) => {
    const rest = spread ? bytes : bytes.subarray(parser.take(bytes));
    if (!spread && parser.done()) {
      checkSparseMap(parser.map, entry.storedBytes - parser.used(), entry.size, where);
      spread = wanted ? scatter(parser.map, visitor.content) : () => {};
    }
    if (rest.length > 0) spread?.(rest);
  };
  startBody(reading, entry.storedBytes, content, () => {
    if (!spread) throw new InvalidError(`${where()} has a sparse file without its map`);
    if (wanted) visitor.end();
  });
}
