/** What a container has written, out of its log files (runtime/log.ts). */

import { pread } from "../../linux/at.ts";
import { close, type Fd, fstat, O_RDONLY, openIfAny, statIfAny } from "../../linux/file.ts";
import { memory } from "../../linux/libc.ts";
import { poll } from "../../linux/poll.ts";
import type { Paths } from "../../paths.ts";
import { headerBytes } from "../../runtime/log.ts";
import { kindOf, parseRecord, text, time } from "../../schema.ts";
import { type Container, directoryOf, hasMonitor, readContainer } from "../record/container.ts";

/** A piece of output, as it came. */
export interface Piece {
  stream: 1 | 2;
  timeMs: number;
  bytes: Uint8Array;
}

const blockBytes = 1 << 20;
const pollMs = 50;
const most = 9999;

/** The files of a log as they were at one moment: held open, so that what is rotated away meanwhile is read all the same. */
export interface OpenLog {
  driver: string;
  /** The oldest first. What was added to the newest later comes after its `size`. */
  files: { fd: Fd; size: number }[];
}

/** Opens what there is of a container's log. */
export function openLog(paths: Paths, { record }: Container): OpenLog {
  const name = namesOf(paths, record.id);
  const files: OpenLog["files"] = [];
  const seen = new Set<bigint>();
  // From the newest on, as they move that way: one that moves meanwhile is met again, and none is missed.
  for (let number = 0, gaps = 0; gaps <= maxGaps && number <= most; number++) {
    const fd = openIfAny(name(number), O_RDONLY);
    if (fd === undefined) gaps++;
    else {
      gaps = 0;
      const { ino, size } = fstat(fd);
      if (seen.has(ino)) close(fd);
      else files.unshift({ fd, size });
      seen.add(ino);
    }
  }
  return { driver: record.settings.log.driver, files };
}

/** All that was in a log when it was opened, the oldest first. May be read more than once. */
export function* readLog(log: OpenLog): Generator<Piece> {
  yield* readFiles(log);
}

/** As `readLog`, and then what comes, until the container has ended. */
export function* followLog(paths: Paths, { record }: Container, log: OpenLog): Generator<Piece> {
  const name = namesOf(paths, record.id);
  let decode = yield* readFiles(log);
  let { fd, size: at } = log.files.at(-1) ?? { fd: undefined, size: 0 };
  for (;;) {
    // Asked before the last look: what was written until then is seen.
    const over = !goesOn(paths, record.id);
    const next = openNext(name, fd);
    if (fd !== undefined) at = yield* readUntil(fd, at, Number.POSITIVE_INFINITY, decode);
    if (next !== undefined) {
      // What was read from gets no more, and the next file begins anew.
      if (fd !== undefined) close(fd);
      fd = next;
      at = 0;
      decode = decoderOf(log.driver);
      continue;
    }
    if (over) break;
    poll([], pollMs);
  }
  if (fd !== undefined) close(fd);
}

/** @returns what takes the newest file apart, with what it has kept: the rest of a piece may come. */
function* readFiles({ driver, files }: OpenLog): Generator<Piece, Decode> {
  let decode = decoderOf(driver);
  for (const { fd, size } of files) {
    decode = decoderOf(driver);
    yield* readUntil(fd, 0, size, decode);
  }
  return decode;
}

const namesOf = (paths: Paths, id: string) => (number: number) =>
  `${directoryOf(paths, id)}/log${number === 0 ? "" : `.${number}`}`;

/** A name is free for a moment while the files move on. */
const maxGaps = 1;

/** Between two starts by the restart policy there is no monitor for a moment. */
const goesOn = (paths: Paths, id: string): boolean =>
  hasMonitor(paths, id) || ["running", "restarting"].includes(readContainer(paths, id)?.status ?? "");

/**
 * The file that comes after this one, or the oldest; undefined if this is the newest. Files move on while we look
 * (`log` becomes `log.1`, that `log.2`), so what was opened counts only if nothing has moved meanwhile.
 */
function openNext(name: (number: number) => string, current: Fd | undefined): Fd | undefined {
  const inode = current === undefined ? undefined : fstat(current).ino;
  for (;;) {
    const files = inodes(name);
    const at = files.findIndex((file) => file.inode === inode);
    if (at === 0 || files.length === 0) return undefined;
    // One that is gone altogether was overtaken: go on with the oldest there is.
    const file = files[(at < 0 ? files.length : at) - 1]!;
    const next = openIfAny(name(file.number), O_RDONLY);
    if (next === undefined) continue;
    if (fstat(next).ino === file.inode) return next;
    close(next);
  }
}

/** The files of the log, the newest first; that is `log.1` for a moment, until there is a new `log`. */
function inodes(name: (number: number) => string): { number: number; inode: bigint }[] {
  const files: { number: number; inode: bigint }[] = [];
  for (let number = 0, gaps = 0; gaps <= maxGaps && number <= most; number++) {
    const stat = statIfAny(name(number));
    gaps = stat ? 0 : gaps + 1;
    if (stat) files.push({ number, inode: stat.ino });
  }
  return files;
}

type Decode = (bytes: Uint8Array) => Piece[];

/** Reads a file from one place to another, or to its end. @returns where that was. */
function* readUntil(fd: Fd, from: number, end: number, decode: Decode): Generator<Piece, number> {
  const block = memory(blockBytes);
  let at = from;
  while (at < end) {
    const count = pread(fd, block.subarray(0, Math.min(block.length, end - at)), at, "the log");
    if (count === 0) break;
    at += count;
    yield* decode(block.subarray(0, count));
  }
  return at;
}

/** Takes a file apart block by block, and keeps what is not whole yet. */
function decoderOf(driver: string): Decode {
  let rest: Uint8Array = new Uint8Array(0);
  const takeApart = driver === "json-file" ? takeLines : takeRecords;
  return (bytes) => {
    const all = rest.length === 0 ? bytes : join(rest, bytes);
    const { pieces, used } = takeApart(all);
    rest = all.slice(used);
    return pieces;
  };
}

function join(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

interface Taken {
  pieces: Piece[];
  /** Bytes that are in them. */
  used: number;
}

function takeRecords(bytes: Uint8Array): Taken {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const pieces: Piece[] = [];
  let at = 0;
  while (at + headerBytes <= bytes.length) {
    const end = at + headerBytes + view.getUint32(at + 4, true);
    if (end > bytes.length) break;
    const timeMs = view.getUint32(at + 8, true) * 1000 + view.getUint32(at + 12, true) / 1e6;
    pieces.push({ stream: bytes[at] === 2 ? 2 : 1, timeMs, bytes: bytes.slice(at + headerBytes, end) });
    at = end;
  }
  return { pieces, used: at };
}

const newline = 10;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

function takeLines(bytes: Uint8Array): Taken {
  const used = bytes.lastIndexOf(newline) + 1;
  const pieces: Piece[] = [];
  for (const line of decoder.decode(bytes.subarray(0, used)).split("\n")) {
    const entry = parseLine(line);
    if (!entry) continue;
    const stream = entry.stream === "stderr" ? 2 : 1;
    pieces.push({ stream, timeMs: Date.parse(entry.time), bytes: encoder.encode(entry.log) });
  }
  return { pieces, used };
}

/** Docker's format, which has no version. */
const lineKind = kindOf<{ log: string; stream: string; time: string }>({ log: text, stream: text, time });

/** A line that a crash has cut is left out. */
function parseLine(line: string): { log: string; stream: string; time: string } | undefined {
  return line === "" ? undefined : parseRecord(lineKind, line, "log").value;
}
