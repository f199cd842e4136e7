/**
 * Reads tar archives, strictly: ustar, v7, GNU and pax, in chunks of any size, without ever holding more than a header.
 * Every header is validated. A name is bytes (ByteName): what it may do to a file system is the extractor's business.
 */

import { InvalidError } from "../../errors.ts";
import { type ByteName, byteNameIn } from "../../linux/byte-name.ts";
import { readableBytes } from "../../readable-bytes.ts";
import { type Reading, readPieces, startBody, startEntry, type TarVisitor } from "./content.ts";
import { blockBytes, isZeroBlock, parseTarHeader, type TarHeader } from "./header.ts";
import { parsePax } from "./pax.ts";

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
  const reading = startReading(visitor, subject);
  return {
    write: (chunk) => write(reading, chunk),
    skip: () => skip(reading),
    finish: () => finish(reading),
  };
}

function startReading(visitor: TarVisitor, subject: string): Reading {
  const reading: Reading = {
    visitor,
    subject,
    position: 0,
    seenZero: false,
    ended: false,
    trailer: 0,
    partial: Buffer.from(new ArrayBuffer(blockBytes)),
    filled: 0,
    left: 0,
    padding: 0,
    take: undefined,
    finishBody: undefined,
    contentOffset: 0,
    unfinished: undefined,
    extensions: {},
    globals: { xattrs: new Map() },
    where: () => `${subject} at byte ${reading.position}`,
  };
  return reading;
}

function write(reading: Reading, chunk: Uint8Array): void {
  const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  for (let at = 0; at < bytes.length; ) {
    const before = at;
    at = readSome(reading, bytes, before);
    reading.position += at - before;
  }
}

/** @returns where to go on in the chunk. */
function readSome(reading: Reading, bytes: Buffer, at: number): number {
  if (reading.left > 0) return readBody(reading, bytes, at);
  if (reading.padding > 0) {
    const count = Math.min(reading.padding, bytes.length - at);
    reading.padding -= count;
    return at + count;
  }
  if (reading.ended) return skipTrailer(reading, bytes, at);
  if (reading.filled > 0 || bytes.length - at < blockBytes) return readPartial(reading, bytes, at);
  readBlock(reading, bytes, at);
  return at + blockBytes;
}

/** Writers fill up their last record, and some put the next archive there. */
const maxTrailer = 64 << 20;

/** After the end marker anything may follow, as long as it comes to an end. */
function skipTrailer(reading: Reading, bytes: Buffer, at: number): number {
  reading.trailer += bytes.length - at;
  if (reading.trailer > maxTrailer)
    throw new InvalidError(`${reading.subject} goes on for more than ${maxTrailer >> 20} MiB after its end`);
  return bytes.length;
}

function readBody(reading: Reading, bytes: Buffer, at: number): number {
  const end = at + Math.min(reading.left, bytes.length - at);
  reading.left -= end - at;
  reading.take?.(reading, at === 0 && end === bytes.length ? bytes : bytes.subarray(at, end));
  if (reading.left === 0) reading.finishBody?.(reading);
  return end;
}

/** Puts a block together that is not in one piece. */
function readPartial(reading: Reading, bytes: Buffer, at: number): number {
  const { partial, filled } = reading;
  const count = bytes.copy(partial, filled, at, Math.min(bytes.length, at + blockBytes - filled));
  reading.filled += count;
  if (reading.filled === blockBytes) {
    reading.filled = 0;
    reading.position -= blockBytes - count;
    readBlock(reading, partial, 0);
    reading.position += blockBytes - count;
  }
  return at + count;
}

function readBlock(reading: Reading, bytes: Buffer, at: number): void {
  const { unfinished } = reading;
  if (unfinished) readPieces(reading, unfinished, bytes, at, true);
  else readHeader(reading, bytes, at);
}

function readHeader(reading: Reading, bytes: Buffer, at: number): void {
  const { where } = reading;
  if (isZeroBlock(bytes, at)) {
    reading.ended = reading.seenZero;
    reading.seenZero = true;
    return;
  }
  if (reading.seenZero) throw new InvalidError(`${where()} goes on after a block of zeros`);
  const found = parseTarHeader(bytes, at, where);
  if (found.size < 0) throw new InvalidError(`${where()} has a negative size`);
  if ("xXgLK".includes(found.flag)) startExtension(reading, found);
  else if (found.flag === "V") startVolumeName(reading, found);
  else startEntry(reading, found, bytes, at);
}

function startVolumeName(reading: Reading, found: TarHeader): void {
  reading.extensions = {};
  startBody(reading, found.size, undefined);
}

function startExtension(reading: Reading, found: TarHeader): void {
  if (found.size > maxHeaderBytes)
    throw new InvalidError(
      `${reading.where()} has an extended header of ${readableBytes(found.size)}; ${readableBytes(maxHeaderBytes)} are the limit`,
    );
  const collected = Buffer.allocUnsafeSlow(found.size);
  let length = 0;
  const collect = (_: Reading, bytes: Buffer) => {
    collected.set(bytes, length);
    length += bytes.length;
  };
  startBody(reading, found.size, collect, () => extend(reading, found.flag, collected));
}

function extend(reading: Reading, flag: string, bytes: Buffer): void {
  const { extensions, globals, where } = reading;
  if (flag === "g") reading.globals = { ...globals, ...parsePax(bytes, where, true) };
  else if (flag === "L") extensions.path = parseLongName(bytes, where);
  else if (flag === "K") extensions.linkPath = parseLongName(bytes, where);
  else extensions.pax = parsePax(bytes, where);
}

function parseLongName(bytes: Buffer, where: () => string): ByteName {
  const name = byteNameIn(bytes).replace(/\0+$/, "");
  if (name.includes("\0")) throw new InvalidError(`${where()} has a NUL in a long name`);
  return name;
}

function skip(reading: Reading): number {
  if (reading.take || reading.left === 0) return 0;
  const count = reading.left + reading.padding;
  reading.position += count;
  reading.left = 0;
  reading.padding = 0;
  reading.finishBody?.(reading);
  return count;
}

function finish({ subject, position, left, padding, filled, unfinished, extensions }: Reading): void {
  if (left > 0 || padding > 0 || filled > 0 || unfinished || Object.keys(extensions).length > 0) {
    if (position < blockBytes)
      throw new InvalidError(`${subject} is not a tar: it has ${position} bytes, less than one header`);
    throw new InvalidError(`${subject} is cut off: it ends inside an entry at byte ${position}`);
  }
  // Without an end marker but between entries it is accepted, as GNU tar does: many writers leave the marker out,
  // and what proves a layer whole is its digest.
}
