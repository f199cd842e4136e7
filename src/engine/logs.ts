/** What a container has written, out of its log files (runtime/log.ts). */

import { close, fstat, O_RDONLY, openIfAny, read, statIfAny } from "../linux/file.ts";
import { memory } from "../linux/libc.ts";
import { poll } from "../linux/poll.ts";
import type { Paths } from "../paths.ts";
import { headerBytes } from "../runtime/log.ts";
import { kindOf, parseRecord, text, time } from "../schema.ts";
import { type Container, directoryOf, isLookedAfter, readContainer } from "./record.ts";

/** A piece of output, as it came. */
export interface Piece {
  stream: 1 | 2;
  timeMs: number;
  bytes: Uint8Array;
}

const blockBytes = 1 << 20;
const lookMs = 50;
const most = 9999;

/** All that is in the log, the oldest first; with `follow` also what comes, until the container has ended. */
export function* readLog(paths: Paths, { record }: Container, follow: boolean): Generator<Piece> {
  const path = `${directoryOf(paths, record.id)}/log`;
  const { driver } = record.settings.log;
  let fd: number | undefined;
  let decode = decoderOf(driver);
  for (;;) {
    // Asked before the last look: what was written until then is seen.
    const over = !follow || !goesOn(paths, record.id);
    const next = openNext(path, fd);
    if (fd !== undefined) yield* readRest(fd, decode);
    if (next !== undefined) {
      // What was read from gets no more, and the next file begins anew.
      if (fd !== undefined) close(fd);
      fd = next;
      decode = decoderOf(driver);
      continue;
    }
    if (over) break;
    poll([], lookMs);
  }
  if (fd !== undefined) close(fd);
}

/** Between two starts of one that its policy starts again, nobody looks after it for a moment. */
const goesOn = (paths: Paths, id: string): boolean =>
  isLookedAfter(paths, id) || ["running", "restarting"].includes(readContainer(paths, id)?.status ?? "");

/**
 * The file that comes after this one, or the oldest; undefined if this is the newest. Files move on while we look
 * (`log` becomes `log.1`, that `log.2`), so what was opened counts only if nothing has moved meanwhile.
 */
function openNext(path: string, current: number | undefined): number | undefined {
  const name = (number: number) => (number === 0 ? path : `${path}.${number}`);
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

/** The files of the log, the newest first; that is `log.1` for a moment, until there is something for a new `log`. */
function inodes(name: (number: number) => string): { number: number; inode: bigint }[] {
  const files: { number: number; inode: bigint }[] = [];
  for (let number = 0; number <= most; number++) {
    const stat = statIfAny(name(number));
    if (stat) files.push({ number, inode: stat.ino });
    else if (number > 0) break;
  }
  return files;
}

type Decode = (bytes: Uint8Array) => Piece[];

function* readRest(fd: number, decode: Decode): Generator<Piece> {
  const block = memory(blockBytes);
  for (let count = read(fd, block); count > 0; count = read(fd, block)) yield* decode(block.subarray(0, count));
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
