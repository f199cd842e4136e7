/** pax extended headers: `length key=value\n` records in the body of an 'x' or 'g' entry. */

import { InvalidError } from "../../errors.ts";
import { type ByteName, byteNameIn } from "../../linux/byte-name.ts";
import type { Time } from "../../linux/tree/metadata.ts";

/** What the records say, applied over the header that follows them. */
export interface PaxFields {
  path?: ByteName;
  linkPath?: ByteName;
  size?: number;
  uid?: number;
  gid?: number;
  mtime?: Time;
  xattrs: Map<ByteName, Uint8Array>;
  /** GNU.sparse.* as it came: version, name, size, and the map (offset, length, offset, length, ...) of formats 0.0 and 0.1. */
  sparse?: { major: number; minor: number; name?: ByteName; size?: number; map: number[] };
}

const xattrPrefix = "SCHILY.xattr.";
const sparsePrefix = "GNU.sparse.";

/**
 * Parses the records. `global` ('g') sets only times and owners: a path or size for every file that follows makes no sense, and
 * other readers take no notice of it either.
 */
export function parsePax(body: Buffer, where: () => string, global = false): PaxFields {
  const fields: PaxFields = { xattrs: new Map() };
  const bad = (what: string): never => {
    throw new InvalidError(`${where()} has ${what} in its pax header`);
  };
  for (let at = 0; at < body.length; ) {
    let length = 0;
    let digits = at;
    for (; body[digits] !== 0x20; digits++) {
      const digit = (body[digits] ?? 0) - 0x30;
      if (digit < 0 || digit > 9 || digits - at > 9) bad("a bad record length");
      length = length * 10 + digit;
    }
    const end = at + length;
    const equals = body.indexOf(0x3d, digits);
    if (digits === at || end > body.length || equals === -1 || equals >= end - 1) bad("a bad record length");
    if (body[end - 1] !== 0x0a) bad("a record without its newline");
    const key = byteNameIn(body, digits + 1, equals);
    if (key === "" || key.includes("\0")) bad("a bad key");
    applyRecord(fields, key, body.subarray(equals + 1, end - 1), bad, global);
    at = end;
  }
  return fields;
}

type Applier = (value: ByteName, bad: (what: string) => never) => Partial<PaxFields>;
const appliers: Record<string, Applier> = {
  path: (path) => ({ path }),
  linkpath: (linkPath) => ({ linkPath }),
  size: (value, bad) => ({ size: decimal(value, bad) }),
  uid: (value, bad) => ({ uid: decimal(value, bad) }),
  gid: (value, bad) => ({ gid: decimal(value, bad) }),
  mtime: (value, bad) => ({ mtime: parseTime(value, bad) }),
};
const globals = new Set(["uid", "gid", "mtime"]);

function applyRecord(
  fields: PaxFields,
  key: ByteName,
  value: Buffer,
  bad: (what: string) => never,
  global: boolean,
): void {
  if (key.startsWith(xattrPrefix)) {
    if (global) return;
    // An empty value takes a record back (pax); binary values, NUL included, are what xattrs are.
    if (value.length > 0) fields.xattrs.set(key.slice(xattrPrefix.length), Uint8Array.from(value));
    return;
  }
  const applier = Object.hasOwn(appliers, key) ? appliers[key] : undefined;
  const sparse = key.startsWith(sparsePrefix);
  if (value.includes(0)) bad(`a NUL in ${key}`);
  if (!applier && !sparse) return;
  if (global && (sparse || !globals.has(key))) return;
  if (value.length === 0) return;
  const text = byteNameIn(value);
  if (applier) Object.assign(fields, applier(text, bad));
  else applySparse(fields, key.slice(sparsePrefix.length), text, bad);
}

/** @see https://www.gnu.org/software/tar/manual/html_section/Sparse-Formats.html */
function applySparse(fields: PaxFields, key: string, value: ByteName, bad: (what: string) => never): void {
  fields.sparse ??= { major: 0, minor: 0, map: [] };
  const sparse = fields.sparse;
  const number = () => decimal(value, bad);
  if (key === "major") sparse.major = number();
  else if (key === "minor") sparse.minor = number();
  else if (key === "name") sparse.name = value;
  else if (key === "size" || key === "realsize") sparse.size = number();
  else if (key === "offset" || key === "numbytes") {
    if ((sparse.map.length % 2 === 0) !== (key === "offset")) bad("a sparse map out of order");
    sparse.map.push(number());
  } else if (key === "map") sparse.map = value.split(",").map((part) => decimal(part, bad));
}

/** A whole number below 2^53, digits only. */
export function decimal(text: string, bad: (what: string) => never): number {
  const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(value) ? value : bad(`a bad number`);
}

/** `-12.5` is half a second before -12: nanoseconds always count forward. */
function parseTime(text: string, bad: (what: string) => never): Time {
  const match = /^(-?)([0-9]{1,15})(?:\.([0-9]*))?$/.exec(text);
  if (!match) return bad("a bad time");
  const whole = Number(match[2]);
  const nanoseconds = Number((match[3] ?? "").slice(0, 9).padEnd(9, "0"));
  if (match[1] !== "-") return { seconds: whole, nanoseconds };
  return nanoseconds === 0 ? { seconds: -whole, nanoseconds } : { seconds: -whole - 1, nanoseconds: 1e9 - nanoseconds };
}
