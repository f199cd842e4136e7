/** Sparse files in tars: where the stored bytes go, in GNU tar's four formats. */

import { InvalidError } from "../../errors.ts";
import { blockBytes, parseNumber } from "./header.ts";

/** Offsets and lengths of the stored pieces, ascending: `[offset, length, offset, length, ...]`. */
export type SparseMap = number[];

const maxPieces = 1_000_000;

/** Refuses a map that is not ascending, leaves the file, or does not add up to what is stored. */
export function checkSparseMap(map: SparseMap, stored: number, size: number, where: () => string): void {
  if (map.length % 2 !== 0 || map.length > 2 * maxPieces) throw new InvalidError(`${where()} has a broken sparse map`);
  let end = 0;
  let total = 0;
  for (let i = 0; i < map.length; i += 2) {
    const offset = map[i] as number;
    const length = map[i + 1] as number;
    if (!(offset >= end && length >= 0 && offset + length <= size))
      throw new InvalidError(`${where()} has a sparse map that overlaps itself or leaves the file`);
    end = offset + length;
    total += length;
  }
  if (total !== stored)
    throw new InvalidError(`${where()} has a sparse map of ${total} bytes, but ${stored} bytes are stored`);
}

/** Pieces in an old GNU header (4 from byte 386) or in an extension block (21 from byte 0): offset and length, 12 bytes each. */
export function readSparseBlock(
  map: SparseMap,
  bytes: Buffer,
  at: number,
  extension: boolean,
  where: () => string,
): { more: boolean } {
  const start = at + (extension ? 0 : 386);
  for (let i = 0; i < (extension ? 21 : 4); i++) {
    if (bytes[start + i * 24] === 0) break; // an unused piece
    map.push(parseNumber(bytes, start + i * 24, 12, where), parseNumber(bytes, start + i * 24 + 12, 12, where));
  }
  if (map.length > 2 * maxPieces) throw new InvalidError(`${where()} has too many sparse pieces`);
  return { more: bytes[at + (extension ? 504 : 482)] !== 0 };
}

/** The size of the whole file in an old GNU sparse header. */
export const readSparseSize = (bytes: Buffer, at: number, where: () => string): number =>
  parseNumber(bytes, at + 483, 12, where);

/**
 * The map of format 1.0, which opens the content: decimal lines (count, then offset and length of each piece), padded to a block.
 * `take` returns how many bytes it used; `done` once the map and its padding are over.
 */
export function createSparseMapParser(where: () => string): {
  take(bytes: Buffer): number;
  done(): boolean;
  used(): number;
  map: SparseMap;
} {
  const map: SparseMap = [];
  let wanted = -1; // numbers still to come; -1 until the count is read
  let value = 0;
  let digits = 0;
  let used = 0;
  const bad = (): never => {
    throw new InvalidError(`${where()} has a broken sparse map`);
  };
  const accept = () => {
    if (digits === 0) bad();
    if (wanted === -1) {
      if (value > maxPieces) bad();
      wanted = value * 2;
    } else {
      map.push(value);
      wanted--;
    }
    value = 0;
    digits = 0;
  };
  const finished = () => wanted === 0 && used % blockBytes === 0;
  return {
    map,
    done: finished,
    used: () => used,
    take(bytes) {
      let at = 0;
      for (; at < bytes.length && !finished(); at++, used++) {
        if (wanted === 0) continue; // padding
        const byte = bytes[at] as number;
        if (byte === 0x0a) accept();
        else if (byte >= 0x30 && byte <= 0x39 && ++digits <= 15) value = value * 10 + byte - 0x30;
        else bad();
      }
      return at;
    },
  };
}

/** Takes the stored bytes in order and reports each piece at its place in the file. */
export function scatter(map: SparseMap, report: (bytes: Buffer, offset: number) => void): (bytes: Buffer) => void {
  let piece = 0;
  let used = 0;
  return (bytes) => {
    for (let at = 0; at < bytes.length; ) {
      while (used === map[piece + 1]) {
        piece += 2;
        used = 0;
      }
      const count = Math.min(bytes.length - at, (map[piece + 1] as number) - used);
      report(bytes.subarray(at, at + count), (map[piece] as number) + used);
      used += count;
      at += count;
    }
  };
}
