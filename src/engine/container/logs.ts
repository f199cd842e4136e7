/** What a container has written, out of its log files (runtime/log.ts). */

import { hasCode } from "../../errors.ts";
import { close, type Fd, O_NONBLOCK, O_RDONLY, openIfAny, read } from "../../linux/file.ts";
import { watchDirectory } from "../../linux/inotify.ts";
import { memory } from "../../linux/libc.ts";
import { type Interest, POLLIN, poll } from "../../linux/poll.ts";
import { pread } from "../../linux/pread.ts";
import { fstat } from "../../linux/stat.ts";
import type { Paths } from "../../paths.ts";
import { headerBytes } from "../../runtime/log.ts";
import { kindOf, parseRecord, text, time } from "../../schema.ts";
import { type Container, directoryOf, readContainer } from "../record/container.ts";
import { hasMonitor } from "../record/monitor-lock.ts";

/** A piece of output, as it came. */
export interface Piece {
  stream: 1 | 2;
  timeMs: number;
  /** Since that millisecond. */
  nanoseconds: number;
  bytes: Uint8Array;
}

const blockBytes = 1 << 20;
const pollMs = 50;
const most = 9999;

interface LogFile {
  fd: Fd;
  ino: bigint;
  /** When it was opened. */
  size: number;
}

/** The files of a log as they were at one moment: held open, so that what is rotated away meanwhile is read all the same. */
export interface OpenLog {
  driver: string;
  /** The oldest first. What was added to the newest later comes after its `size`. */
  files: LogFile[];
}

/** Opens what there is of a container's log. */
export const openLog = (paths: Paths, { record }: Container): OpenLog => ({
  driver: record.settings.log.driver,
  files: openNewer(namesOf(paths, record.id)),
});

/** All that was in a log when it was opened, the oldest first. May be read more than once. */
export function* readLog(log: OpenLog): Generator<Piece> {
  yield* readFiles(log);
}

/** What is followed. */
export interface Followed {
  /** Pieces, and undefined whenever there is nothing more for the moment. Ends after the container. */
  pieces: Generator<Piece | undefined>;
  /** Becomes readable when there may be more; undefined where the container is gone already. */
  watch: Fd | undefined;
}

/** As `readLog`, and then what comes, until the container has ended. */
export function followLog(paths: Paths, { record }: Container, log: OpenLog): Followed {
  // Watched before anything is read, so that nothing happens in between.
  return { pieces: follow(paths, record.id, log), watch: watchIfAny(directoryOf(paths, record.id)) };
}

function watchIfAny(directory: string): Fd | undefined {
  try {
    return watchDirectory(directory);
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
    return undefined;
  }
}

/** Waits until one of those that are followed may have more. */
export function awaitMore(watches: (Fd | undefined)[]): void {
  const interests = watches.map((fd): Interest => ({ fd: fd ?? -1, events: POLLIN }));
  poll(interests, pollMs);
  for (const { fd, happened } of interests) if (happened && fd !== -1) read(fd, memory(4096));
}

function* follow(paths: Paths, id: string, log: OpenLog): Generator<Piece | undefined> {
  const name = namesOf(paths, id);
  let decode = yield* readFiles(log);
  const newest = log.files.at(-1);
  let now: { fd: Fd; ino: bigint; at: number } | undefined = newest && { ...newest, at: newest.size };
  /** Those that come after it, held before they are rotated away. */
  const next: LogFile[] = [];
  const look = () => next.push(...openNewer(name, next.at(-1)?.ino ?? now?.ino));
  for (;;) {
    // Asked before the last look: what was written until then is seen.
    const over = !goesOn(paths, id);
    look();
    if (now) now.at = yield* readUntil(now.fd, now.at, Number.POSITIVE_INFINITY, decode, look);
    const first = next.shift();
    if (first) {
      // What was read from gets no more, and the next file begins anew.
      if (now) close(now.fd);
      now = { ...first, at: 0 };
      decode = decoderOf(log.driver);
      continue;
    }
    if (over) break;
    yield undefined;
  }
  if (now) close(now.fd);
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
 * Opens the files that are newer than one, the oldest first; all there are if that one is not among them: it was overtaken, or
 * there is none. Files move on while we look (`log` becomes `log.1`, that `log.2`): from the newest on, so that one that moves
 * meanwhile is met again, where it then stands, and none is missed.
 */
function openNewer(name: (number: number) => string, than?: bigint): LogFile[] {
  const found = new Map<bigint, LogFile & { number: number }>();
  for (let number = 0, gaps = 0; gaps <= maxGaps && number <= most; number++) {
    const fd = openIfAny(name(number), O_RDONLY | O_NONBLOCK);
    if (fd === undefined) {
      gaps++;
      continue;
    }
    gaps = 0;
    const { type, ino, size } = fstat(fd);
    const before = found.get(ino);
    if (before) before.number = number;
    if (before || ino === than || type !== "file") close(fd);
    else found.set(ino, { fd, ino, size, number });
    if (ino === than) break;
  }
  return [...found.values()].sort((a, b) => b.number - a.number);
}

type Decode = (bytes: Uint8Array) => Piece[];

/** Reads a file from one place to another, or to its end. @param look called after each block. @returns where that was. */
function* readUntil(fd: Fd, from: number, end: number, decode: Decode, look = () => {}): Generator<Piece, number> {
  const block = memory(blockBytes);
  let at = from;
  while (at < end) {
    const count = pread(fd, block.subarray(0, Math.min(block.length, end - at)), at, "the log");
    if (count === 0) break;
    at += count;
    look();
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
    const time = timeOf(view.getUint32(at + 8, true), view.getUint32(at + 12, true));
    pieces.push({ stream: bytes[at] === 2 ? 2 : 1, ...time, bytes: bytes.slice(at + headerBytes, end) });
    at = end;
  }
  return { pieces, used: at };
}

const nanosecondsInMs = 1e6;

const timeOf = (seconds: number, nanoseconds: number) => ({
  timeMs: seconds * 1000 + Math.floor(nanoseconds / nanosecondsInMs),
  nanoseconds: nanoseconds % nanosecondsInMs,
});

/** RFC 3339 with any number of digits, as Docker's. */
function parseTime(text: string): Pick<Piece, "timeMs" | "nanoseconds"> {
  const digits = /\.(\d{1,9})/.exec(text)?.[1] ?? "";
  return { timeMs: Math.floor(Date.parse(text)), nanoseconds: Number(digits.padEnd(9, "0")) % nanosecondsInMs };
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
    pieces.push({ stream, ...parseTime(entry.time), bytes: encoder.encode(entry.log) });
  }
  return { pieces, used };
}

/** Docker's format, which has no version. */
const lineKind = kindOf<{ log: string; stream: string; time: string }>({ log: text, stream: text, time });

/** A line that a crash has cut is left out. */
function parseLine(line: string): { log: string; stream: string; time: string } | undefined {
  return line === "" ? undefined : parseRecord(lineKind, line, "log").value;
}
