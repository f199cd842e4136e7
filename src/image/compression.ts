/** Compressed streams: what they are (by their first bytes, never by their name), and their content, checked to the last byte. */

import type { Transform } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { InvalidError, UnsupportedError } from "../errors.ts";
import type { Fd } from "../linux/file.ts";
import { memory } from "../linux/libc.ts";
import { pread } from "../linux/pread.ts";
import { statIfAny } from "../linux/stat.ts";
import { createZstdFrameCheck } from "./zstd-frames.ts";

export type Compression = "none" | "gzip" | "zstd" | "xz" | "bzip2";

const magics: [Compression, number[]][] = [
  ["gzip", [0x1f, 0x8b, 0x08]],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ["bzip2", [0x42, 0x5a, 0x68]],
];

/** What the first bytes of a file say. A zstd file may also begin with a frame to skip (0x184D2A50 to 5F). */
export function sniffCompression(head: Uint8Array): Compression {
  for (const [compression, magic] of magics) if (magic.every((byte, index) => head[index] === byte)) return compression;
  const skippable = ((head[0] ?? 0) & 0xf0) === 0x50 && head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18;
  return skippable ? "zstd" : "none";
}

/** A piece of an open file. */
export interface ByteRange {
  fd: Fd;
  offset: number;
  length: number;
  /** What it is called in errors. */
  subject: string;
  /** Of a file that is still written to. */
  growing?: Growing;
}

/** What is there of a range that comes in while it is read. */
export interface Growing {
  /** From the range's begin on. */
  bytes: number;
  /** Waits until so many are there. Rejects if they will never be. */
  until(bytes: number): Promise<void>;
}

/** The most that it takes to tell. */
export const magicBytes = 6;

export const sniffRange = (range: ByteRange): Compression => sniffCompression(readHead(range, magicBytes));

/** The first bytes of a range. */
export function readHead(range: ByteRange, bytes: number): Uint8Array {
  const head = memory(Math.min(bytes, range.length));
  return head.subarray(0, pread(range.fd, head, range.offset, range.subject));
}

export interface Sinks {
  /** The bytes as they are stored. Valid during the call only. */
  stored?(chunk: Uint8Array): void;
  /** The bytes once decompressed. Valid during the call only. */
  content(chunk: Uint8Array): void;
}

/** Reads a range through its decompressor. @throws InvalidError if it is cut off or corrupt */
export async function readCompressed(range: ByteRange, compression: Compression, sinks: Sinks): Promise<void> {
  if (compression === "none") return readPlain(range, sinks);
  if (compression === "gzip") return readThrough(createGunzip({ chunkSize: outputBytes }), range, sinks, () => {});
  if (compression === "zstd") {
    const frames = createZstdFrameCheck(range.subject);
    const stored = (chunk: Uint8Array) => {
      frames.write(chunk);
      sinks.stored?.(chunk);
    };
    const stream = createZstdDecompress({ chunkSize: outputBytes });
    return readThrough(stream, range, { ...sinks, stored }, frames.finish);
  }
  return readThroughTool(compression, range, sinks);
}

const inputBytes = 256 << 10;
const outputBytes = 128 << 10;
const plainBytes = 1 << 20;
const maxQueued = 16;

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Of a range that grows, this much is waited for: less is more work than reading. */
const worthReading = 64 << 10;

/** Reads the range once, in order; `use` may keep the chunk if `fresh`. A promise is to be waited for: the range still grows. */
function* chunksOf(range: ByteRange, chunkBytes: number, fresh: boolean): Generator<Uint8Array | Promise<void>> {
  const { growing, length } = range;
  let buffer = memory(Math.min(chunkBytes, Math.max(length, 1)));
  for (let at = 0; at < length; ) {
    const enough = Math.min(at + worthReading, length);
    if (growing && growing.bytes < enough) {
      yield growing.until(enough);
      continue;
    }
    const there = Math.min(length, growing?.bytes ?? length);
    const wanted = buffer.subarray(0, Math.min(buffer.length, there - at));
    const count = pread(range.fd, wanted, range.offset + at, range.subject);
    if (count === 0) throw new InvalidError(`${range.subject} is cut off: ${range.length - at} bytes are missing`);
    yield count === wanted.length ? wanted : wanted.subarray(0, count);
    at += count;
    if (fresh) buffer = memory(chunkBytes);
  }
}

async function readPlain(range: ByteRange, sinks: Sinks): Promise<void> {
  let sinceTurn = 0;
  for (const chunk of chunksOf(range, plainBytes, false)) {
    if (chunk instanceof Promise) {
      await chunk;
      continue;
    }
    sinks.stored?.(chunk);
    sinks.content(chunk);
    sinceTurn += chunk.length;
    if (sinceTurn < 32 << 20) continue;
    sinceTurn = 0;
    await nextTurn(); // signals and progress bars live in the event loop
  }
}

/**
 * Runs the decompressor on the thread pool beside us: it starts its next job only after the `data` listener returned, so the
 * listener only queues, and the work on one chunk per turn leaves the loop free to start that job.
 */
function readThrough(stream: Transform, range: ByteRange, sinks: Sinks, finish: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const queue: Uint8Array[] = [];
    const input = chunksOf(range, inputBytes, true);
    let working = false;
    let ended = false;
    let failed = false;

    const fail = (error: unknown) => {
      if (failed) return;
      failed = true;
      stream.destroy();
      reject(error);
    };
    const corrupt = (error: Error) => fail(new InvalidError(`${range.subject} is corrupt: ${error.message}`));
    const attempt = (step: () => void) => {
      if (failed) return;
      try {
        step();
      } catch (error) {
        fail(error);
      }
    };
    const work = () =>
      attempt(() => {
        const chunk = queue.shift();
        if (chunk) sinks.content(chunk);
        if (queue.length < maxQueued / 2 && stream.isPaused()) stream.resume();
        working = queue.length > 0;
        if (working) setImmediate(work);
        else if (ended) {
          finish();
          resolve();
        }
      });
    const wake = () => {
      if (working) return;
      working = true;
      setImmediate(work);
    };
    const feed = (error?: Error | null) =>
      attempt(() => {
        if (error || stream.writableEnded) return; // of an error the stream tells itself
        const next = input.next();
        if (next.done) {
          stream.end();
          return;
        }
        if (next.value instanceof Promise) {
          next.value.then(() => feed(), fail);
          return;
        }
        sinks.stored?.(next.value);
        stream.write(next.value, feed);
      });

    stream.on("data", (chunk: Uint8Array) => {
      queue.push(chunk);
      if (queue.length >= maxQueued) stream.pause();
      wake();
    });
    stream.on("end", () => {
      ended = true;
      wake();
    });
    stream.on("error", corrupt);
    feed();
    feed(); // one ahead, so that the decompressor never waits for us to read
  });
}

const toolDirectories = ["/usr/bin", "/bin", "/usr/local/bin"];

/** xz and bzip2 are not built in: the host's tool, by absolute path, with a fixed environment (docs/security.md R26). */
async function readThroughTool(tool: "xz" | "bzip2", range: ByteRange, sinks: Sinks): Promise<void> {
  const program = toolDirectories.map((directory) => `${directory}/${tool}`).find((path) => statIfAny(path));
  if (!program)
    throw new UnsupportedError(
      `${range.subject} is compressed with ${tool}, and this host has no ${tool} program`,
      `install ${tool === "xz" ? "xz-utils" : tool} or decompress the file elsewhere`,
    );
  const child = Bun.spawn([program, "-dc"], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
    cwd: "/",
    env: { PATH: "/usr/bin:/bin", LC_ALL: "C" },
  });
  const complaint = new Response(child.stderr).text();
  const feed = async () => {
    try {
      for (const chunk of chunksOf(range, inputBytes, true)) {
        if (chunk instanceof Promise) {
          await chunk;
          continue;
        }
        sinks.stored?.(chunk);
        child.stdin.write(chunk);
        await child.stdin.flush();
      }
    } finally {
      await child.stdin.end();
    }
  };
  try {
    const fed = feed().catch((error: unknown) => error); // a tool that stopped early says why itself
    for await (const chunk of child.stdout) sinks.content(chunk);
    const error = await fed;
    if ((await child.exited) !== 0)
      throw new InvalidError(`${range.subject} is corrupt: ${(await complaint).trim().split("\n")[0]}`);
    if (error) throw error;
  } finally {
    child.kill();
  }
}
