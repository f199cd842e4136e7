/** One 512-byte tar header: checksum, numbers, names. */

import { InvalidError } from "../../errors.ts";
import { type ByteName, byteName, byteNameIn } from "../../linux/byte-name.ts";

export const blockBytes = 512;

/** The fields as they stand in the block; extensions (pax, GNU long names) are applied by the reader. */
export interface TarHeader {
  /** The type flag, one character; a NUL reads as "0". */
  flag: string;
  name: ByteName;
  linkName: ByteName;
  mode: number;
  uid: number;
  gid: number;
  size: number;
  /** Whole seconds since 1970; may be negative. */
  mtime: number;
  major: number;
  minor: number;
}

/** True for a block of zeros: half of the end marker. */
export function isZeroBlock(bytes: Buffer, at: number): boolean {
  for (let i = at; i < at + blockBytes; i++) if (bytes[i] !== 0) return false;
  return true;
}

/** @param where names the archive and the offset for errors */
export function parseTarHeader(bytes: Buffer, at: number, where: () => string): TarHeader {
  checkSum(bytes, at, where);
  const field = (offset: number, length: number) => parseNumber(bytes, at + offset, length, where);
  const name = textField(bytes, at, 100);
  const prefix = textField(bytes, at + 345, prefixLength(bytes, at));
  const flag = bytes[at + 156] || 0x30;
  const device = flag === 0x33 || flag === 0x34; // elsewhere old writers left garbage in the device fields
  return {
    flag: String.fromCharCode(flag),
    name: prefix === "" ? name : byteName`${prefix}/${name}`,
    linkName: textField(bytes, at + 157, 100),
    mode: field(100, 8) & 0o7777,
    uid: field(108, 8),
    gid: field(116, 8),
    size: field(124, 12),
    mtime: field(136, 12),
    major: device ? field(329, 8) : 0,
    minor: device ? field(337, 8) : 0,
  };
}

/** Only POSIX ustar has a name prefix; GNU keeps times there, and star ends its own with "tar\0". */
function prefixLength(bytes: Buffer, at: number): number {
  if (bytes.toString("latin1", at + 257, at + 263) !== "ustar\0") return 0;
  return bytes.toString("latin1", at + 508, at + 512) === "tar\0" ? 131 : 155;
}

function checkSum(bytes: Buffer, at: number, where: () => string): void {
  let unsigned = 8 * 0x20; // the checksum field itself counts as spaces
  let negative = 0; // some old writers added up signed characters
  for (let i = at; i < at + blockBytes; i++) {
    if (i >= at + 148 && i < at + 156) continue;
    const byte = bytes[i] as number;
    unsigned += byte;
    if (byte > 127) negative++;
  }
  const stored = parseCheckSum(bytes, at + 148, where);
  if (stored !== unsigned && stored !== unsigned - 256 * negative) throw new InvalidError(...notTar(where()));
}

/** The bytes up to the first NUL. */
export function textField(bytes: Buffer, at: number, length: number): ByteName {
  let end = at;
  while (end < at + length && bytes[end] !== 0) end++;
  return byteNameIn(bytes, at, end);
}

/** NaN for what is not a number: by this a file is known that is not a tar at all. */
function parseCheckSum(bytes: Buffer, at: number, where: () => string): number {
  try {
    return parseNumber(bytes, at, 8, where);
  } catch {
    return Number.NaN;
  }
}

const notTar = (where: string): [string, string?] =>
  where.endsWith(" at byte 0")
    ? [
        `${where.replace(/ at byte 0$/, "")} is not a tar`,
        "an image is a tar, an archive of `docker save`, or an OCI layout",
      ]
    : [`${where} is not a tar header: its checksum is wrong`];

/** Octal digits, or with the high bit set a big-endian two's complement number (GNU's "base 256"). */
export function parseNumber(bytes: Buffer, at: number, length: number, where: () => string): number {
  if ((bytes[at] as number) & 0x80) return parseBase256(bytes, at, length, where);
  const end = at + length;
  let i = at;
  while (i < end && (bytes[i] === 0x20 || bytes[i] === 0)) i++;
  let value = 0;
  for (; i < end && bytes[i] !== 0x20 && bytes[i] !== 0; i++) {
    const digit = (bytes[i] as number) - 0x30;
    if (digit < 0 || digit > 7) throw new InvalidError(`${where()} has a number that is not octal`);
    value = value * 8 + digit;
  }
  return value;
}

function parseBase256(bytes: Buffer, at: number, length: number, where: () => string): number {
  const negative = ((bytes[at] as number) & 0x40) !== 0;
  let value = negative ? -1 : 0;
  for (let i = at; i < at + length; i++) {
    // The top bit is only the mark; sign-extend or clear it.
    const byte = i === at ? ((bytes[i] as number) & 0x7f) | (negative ? 0x80 : 0) : (bytes[i] as number);
    value = i === at && negative ? byte - 256 : value * 256 + byte;
    if (!Number.isSafeInteger(value)) throw new InvalidError(`${where()} has a number larger than 2^53`);
  }
  return value;
}
