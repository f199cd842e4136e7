/**
 * Writes tar archives, strictly: ustar, and a pax header before it for what ustar has no room for. The same members always give
 * the same bytes. What it writes, our own reader, GNU tar and Go's archive/tar read alike.
 * @see https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html#tag_20_94_13
 */

import { InvalidError } from "../../errors.ts";
import { type ByteName, byteName, byteNameOf, textOf } from "../../linux/byte-name.ts";
import { memory } from "../../linux/libc.ts";
import type { Time } from "../../linux/tree/metadata.ts";
import type { TarEntry } from "./entry.ts";
import { blockBytes } from "./header.ts";
import type { SparseMap } from "./sparse.ts";

/** One member of an archive. What is not given is zero, or empty. */
export interface TarMember {
  type: TarEntry["type"];
  /** Without the slash at the end of a directory. */
  path: ByteName;
  linkPath?: ByteName;
  /** 0 to 0o7777. */
  mode: number;
  uid?: number;
  gid?: number;
  mtime?: Time;
  /** Bytes of a file, holes included. */
  size?: number;
  major?: number;
  minor?: number;
  xattrs?: Map<ByteName, Uint8Array>;
  /** The pieces that are stored, whole blocks of 512 bytes up to the last; the rest is holes. */
  sparse?: SparseMap;
}

export interface TarWriter {
  /** Begins a member; its content follows, exactly as long as announced. */
  member(member: TarMember): void;
  content(bytes: Uint8Array): void;
  /** Writes the end marker and what is still buffered. */
  finish(): void;
}

/** @param write takes the archive in pieces, which are valid during the call only */
export function createTarWriter(write: (bytes: Uint8Array) => void): TarWriter {
  const buffer = memory(256 << 10);
  let filled = 0;
  let current = "";
  let left = 0; // content bytes still to come, and the zeros after them
  let padding = 0;

  function put(bytes: Uint8Array): void {
    if (filled + bytes.length > buffer.length) flush();
    if (bytes.length > buffer.length) write(bytes);
    else {
      buffer.set(bytes, filled);
      filled += bytes.length;
    }
  }

  function flush(): void {
    if (filled > 0) write(buffer.subarray(0, filled));
    filled = 0;
  }

  function endMember(): void {
    if (left > 0) throw new Error(`${current} is ${left} bytes shorter than announced`);
    if (padding > 0) put(memory(padding));
    padding = 0;
  }

  return {
    member(member) {
      endMember();
      const map = member.sparse && sparseMapBlock(member.sparse, member.size ?? 0);
      const stored = member.type === "file" ? storedBytes(member) + (map?.length ?? 0) : 0;
      for (const block of headerBlocks(member, stored)) put(block);
      current = textOf(member.path);
      left = stored;
      padding = -stored & (blockBytes - 1);
      if (map) this.content(map);
    },
    content(bytes) {
      left -= bytes.length;
      if (left < 0) throw new Error(`${current} is longer than announced`);
      put(bytes);
    },
    finish() {
      endMember();
      put(memory(2 * blockBytes));
      flush();
    },
  };
}

/** Bytes of the content that are to be written. */
export function storedBytes({ size = 0, sparse }: Pick<TarMember, "size" | "sparse">): number {
  if (!sparse) return size;
  let stored = 0;
  for (let i = 1; i < sparse.length; i += 2) stored += sparse[i] as number;
  return stored;
}

/** The map of GNU's sparse format 1.0: how many pieces, then offset and length of each, in lines, padded to a block. */
function sparseMapBlock(pieces: SparseMap, size: number): Uint8Array {
  const end = pieces.length > 0 ? (pieces.at(-2) as number) + (pieces.at(-1) as number) : 0;
  // GNU tar takes the end of the last piece for the end of the file: a hole there needs an empty piece behind it.
  const map = end < size ? [...pieces, size, 0] : pieces;
  const text = `${[map.length / 2, ...map].join("\n")}\n`;
  const block = memory(Math.ceil(text.length / blockBytes) * blockBytes);
  new TextEncoder().encodeInto(text, block);
  return block;
}

const flags: Record<TarEntry["type"], string> = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  char: "3",
  block: "4",
  directory: "5",
  fifo: "6",
};

function headerBlocks(member: TarMember, stored: number): Uint8Array[] {
  const { type, linkPath = none, sparse } = member;
  const path = type === "directory" ? byteName`${member.path}/` : member.path;
  if (path === "" || `${path}${linkPath}`.includes("\0"))
    throw new InvalidError(`${textOf(path)} is not a valid name for a tar`);
  const records = paxRecords(member, path, stored);
  const header = ustarHeader(member, flags[type], sparse ? sparseName : path, linkPath, stored);
  if (records.length === 0) return [header];
  const body = Buffer.alloc(Math.ceil(records.length / blockBytes) * blockBytes);
  records.copy(body);
  return [ustarHeader({ mode: 0o644 }, "x", paxName, none, records.length), body, header];
}

const none = byteName``;
const paxName = byteName`././@PaxHeader`;
const sparseName = byteName`GNUSparseFile.0`;
const nameBytes = 100;
const maxOctal7 = 0o7777777;
const maxOctal11 = 0o77777777777;

/** What the ustar header after it can't say; empty if it can say it all. */
function paxRecords(member: TarMember, path: ByteName, stored: number): Buffer {
  const { linkPath = none, uid = 0, gid = 0, mtime, xattrs, sparse } = member;
  const records: Buffer[] = [];
  const add = (key: string, value: ByteName | Uint8Array) => records.push(paxRecord(key, value));
  const addText = (key: string, text: string) => add(key, byteNameOf(text));
  if (path.length > nameBytes && !sparse) add("path", path);
  if (linkPath.length > nameBytes) add("linkpath", linkPath);
  if (stored > maxOctal11) addText("size", String(stored));
  if (uid > maxOctal7) addText("uid", String(uid));
  if (gid > maxOctal7) addText("gid", String(gid));
  if (mtime && (mtime.nanoseconds > 0 || mtime.seconds < 0 || mtime.seconds > maxOctal11))
    addText("mtime", decimal(mtime));
  for (const key of [...(xattrs?.keys() ?? [])].sort()) add(`SCHILY.xattr.${key}`, xattrs?.get(key) as Uint8Array);
  if (sparse) {
    addText("GNU.sparse.major", "1");
    addText("GNU.sparse.minor", "0");
    add("GNU.sparse.name", path);
    addText("GNU.sparse.realsize", String(member.size ?? 0));
  }
  return Buffer.concat(records);
}

/** `length key=value\n`, where the length counts itself. @param key one character per byte, as a byte name has. */
function paxRecord(key: string, value: ByteName | Uint8Array): Buffer {
  const bytes = typeof value === "string" ? Buffer.from(value, "latin1") : value;
  const rest = key.length + bytes.length + 3;
  let length = rest + 1;
  while (String(length).length + rest !== length) length = String(length).length + rest;
  return Buffer.concat([Buffer.from(`${length} ${key}=`, "latin1"), bytes, Buffer.from("\n")]);
}

/** Seconds as a decimal fraction: nanoseconds count forward, so -0.5 s is -1 s and 500,000,000 ns. */
function decimal({ seconds, nanoseconds }: Time): string {
  if (nanoseconds === 0) return String(seconds);
  const digits = (ns: number) => String(ns).padStart(9, "0").replace(/0+$/, "");
  if (seconds >= 0) return `${seconds}.${digits(nanoseconds)}`;
  return `-${-seconds - 1}.${digits(1e9 - nanoseconds)}`;
}

function ustarHeader(
  member: Omit<TarMember, "type" | "path">,
  flag: string,
  path: ByteName,
  linkPath: ByteName,
  size: number,
): Buffer {
  const { mode, uid = 0, gid = 0, mtime, major = 0, minor = 0 } = member;
  const block = Buffer.alloc(blockBytes);
  const octal = (value: number, at: number, length: number) => {
    // What does not fit stands in the pax header.
    const fits = value >= 0 && value < 8 ** (length - 1);
    block.write((fits ? value : 0).toString(8).padStart(length - 1, "0"), at, "latin1");
  };
  block.write(path.slice(0, nameBytes), 0, "latin1");
  octal(mode, 100, 8);
  octal(uid, 108, 8);
  octal(gid, 116, 8);
  octal(size, 124, 12);
  octal(mtime?.seconds ?? 0, 136, 12);
  block.write(flag, 156, "latin1");
  block.write(linkPath.slice(0, nameBytes), 157, "latin1");
  block.write("ustar\x0000", 257, "latin1");
  octal(major, 329, 8);
  octal(minor, 337, 8);
  block.fill(0x20, 148, 156); // the checksum field itself counts as spaces
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}
