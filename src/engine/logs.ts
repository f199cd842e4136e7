/** What a container has written, out of its log files (runtime/log.ts). */

import { close, fstat, O_RDONLY, openIfAny, read, statIfAny } from "../linux/file.ts";
import { memory } from "../linux/libc.ts";
import { poll } from "../linux/poll.ts";
import type { Paths } from "../paths.ts";
import { headerBytes } from "../runtime/log.ts";
import { type Container, directoryOf, isLookedAfter } from "./record.ts";

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
  for (let number = oldest(path); number >= 1; number--) yield* readFileOnce(`${path}.${number}`, driver);
  let fd = openIfAny(path, O_RDONLY);
  let decode = decoderOf(driver);
  for (;;) {
    // Asked before the last look: what was written until then is seen.
    const over = !follow || !isLookedAfter(paths, record.id);
    fd ??= openIfAny(path, O_RDONLY);
    if (fd !== undefined) {
      yield* readRest(fd, decode);
      if (statIfAny(path)?.ino !== fstat(fd).ino) {
        // Rotated meanwhile: this file gets no more, and the next begins anew.
        yield* readRest(fd, decode);
        close(fd);
        fd = undefined;
        decode = decoderOf(driver);
        continue;
      }
    }
    if (over) break;
    poll([], lookMs);
  }
  if (fd !== undefined) close(fd);
}

function oldest(path: string): number {
  let number = 0;
  while (number < most && statIfAny(`${path}.${number + 1}`)) number++;
  return number;
}

type Decode = (bytes: Uint8Array) => Piece[];

function* readFileOnce(path: string, driver: string): Generator<Piece> {
  const fd = openIfAny(path, O_RDONLY);
  if (fd === undefined) return;
  yield* readRest(fd, decoderOf(driver));
  close(fd);
}

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

/** A line that a crash has cut is left out. */
function parseLine(line: string): { log: string; stream: string; time: string } | undefined {
  if (line === "") return undefined;
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
