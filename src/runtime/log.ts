/**
 * The log of a container: what it wrote to stdout and stderr, in files of bounded size.
 *
 * The driver `local` keeps the bytes as they came, each piece behind a header of 16 bytes, so that a gigabyte costs one
 * write(2) for each read(2): u8 stream, 3 bytes of nothing, u32 length, u32 seconds since 1970, u32 nanoseconds.
 * The driver `json-file` writes Docker's lines, {"log", "stream", "time"}, for programs that read those.
 */

import { SyscallError } from "../errors.ts";
import { byteNameOf } from "../linux/byte-name.ts";
import { realTime } from "../linux/clock.ts";
import { close, type Fd, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_WRONLY, open, writeAll } from "../linux/file.ts";
import { rename, unlink } from "../linux/names.ts";
import { fstat, statIfAny } from "../linux/stat.ts";
import { ftruncate } from "../linux/tree/metadata.ts";
import type { Origin } from "./log-forward.ts";

export interface Log {
  write(stream: 1 | 2, bytes: Uint8Array): void;
  close(): void;
}

export interface LogOptions {
  /** Those of the host get the lines beside the files of ours, which are as of `local`. */
  driver: "local" | "json-file" | "none" | "journald" | "syslog";
  maxBytes: number;
  maxFiles: number;
  /** What each line is to say beside its text, in json-file. */
  attrs?: Record<string, string>;
  /** What the host's log is to know of the container. */
  forward?: Origin;
}

export const headerBytes = 16;

/**
 * The newest file is `path`, older ones are `path.1`, `path.2`. The first is made at once: whoever follows it has a
 * descriptor that outlives its name, and so gets also what a container writes just before it is removed.
 */
export function openLog(path: string, options: LogOptions): Log {
  const files = openFiles(path, options);
  if (!options.forward) return files;
  const { forwardTo } = require("./log-forward.ts") as typeof import("./log-forward.ts");
  const host = forwardTo(options.driver as "journald" | "syslog", options.forward);
  return {
    write: (stream, bytes) => {
      files.write(stream, bytes);
      host.write(stream, bytes);
    },
    close: () => {
      files.close();
      host.close();
    },
  };
}

function openFiles(path: string, { driver, maxBytes, maxFiles, attrs }: LogOptions): Log {
  if (driver === "none") return { write: () => {}, close: () => {} };
  let fd: Fd | undefined;
  let size = 0;
  const openNewest = () => {
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK, 0o600);
    size = fstat(fd).size;
  };
  const attempt = (action: () => void) => {
    try {
      action();
    } catch (error) {
      // A full disk, or one that is gone, loses pieces of the log; it must not end the container.
      if (!(error instanceof SyscallError)) throw error;
      takeBack();
    }
  };
  const append = (bytes: Uint8Array) => {
    if (fd === undefined) openNewest();
    if (size > 0 && size + bytes.length > maxBytes) {
      close(fd!);
      fd = undefined;
      rotate(path, maxFiles);
      openNewest();
    }
    writeAll(fd!, bytes, path);
    size += bytes.length;
  };
  /** Half a piece would make what follows unreadable. */
  const takeBack = () => {
    try {
      if (fd !== undefined) ftruncate(fd, size, byteNameOf(path));
    } catch {
      // Then it is unreadable from there on.
    }
  };
  attempt(openNewest);
  const encode = driver === "json-file" ? jsonLines(attrs) : record;
  return {
    write: (stream, bytes) => {
      const encoded = encode(stream, bytes);
      // What one read(2) brought may be more than a file is to have: many short lines, and each may have a time of its own.
      if (encoded.length > maxBytes)
        for (const line of linesOf(driver === "json-file" ? encoded : bytes))
          attempt(() => append(driver === "json-file" ? line : encode(stream, line)));
      else if (encoded.length > 0) attempt(() => append(encoded));
    },
    close: () => {
      const rest = driver === "json-file" ? [encode(1, nothing, true), encode(2, nothing, true)] : [];
      for (const encoded of rest) if (encoded.length > 0) attempt(() => append(encoded));
      if (fd !== undefined) close(fd);
      fd = undefined;
    },
  };
}

const nothing = new Uint8Array(0);
const newline = 10;

function* linesOf(text: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf(newline, at) + 1 || text.length;
    yield text.subarray(at, end);
    at = end;
  }
}

function rotate(path: string, maxFiles: number): void {
  if (maxFiles === 1) unlink(path);
  for (let number = maxFiles - 1; number >= 1; number--) {
    const older = number === 1 ? path : `${path}.${number - 1}`;
    if (statIfAny(older)) rename(older, `${path}.${number}`);
  }
}

type Encode = (stream: 1 | 2, bytes: Uint8Array, last?: boolean) => Uint8Array;

const record: Encode = (stream, bytes) => {
  const encoded = new Uint8Array(headerBytes + bytes.length);
  const view = new DataView(encoded.buffer);
  const { seconds, nanoseconds } = realTime();
  view.setUint8(0, stream);
  view.setUint32(4, bytes.length, true);
  view.setUint32(8, seconds, true);
  view.setUint32(12, nanoseconds, true);
  encoded.set(bytes, headerBytes);
  return encoded;
};

/** Bytes of one line's text. */
const maxLine = 16384;
const encoder = new TextEncoder();

/** Whole lines as JSON; what has no end yet waits for it, up to 16 KiB, as with Docker. What is no UTF-8 becomes U+FFFD. */
function jsonLines(attrs?: Record<string, string>): Encode {
  const partial = { 1: Buffer.alloc(0), 2: Buffer.alloc(0) };
  return (stream, bytes, last = false) => {
    const all = Buffer.concat([partial[stream], bytes]);
    const time = timeText(realTime());
    const name = stream === 1 ? "stdout" : "stderr";
    let lines = "";
    let at = 0;
    for (let end = lineEnd(all, at, last); end > at; end = lineEnd(all, at, last)) {
      lines += `${JSON.stringify({ log: all.toString("utf8", at, end), stream: name, ...(attrs && { attrs }), time })}\n`;
      at = end;
    }
    partial[stream] = all.subarray(at);
    return encoder.encode(lines);
  };
}

/** RFC 3339 with nanoseconds. */
const timeText = ({ seconds, nanoseconds }: ReturnType<typeof realTime>): string =>
  `${new Date(seconds * 1000).toISOString().slice(0, -5)}.${String(nanoseconds).padStart(9, "0")}Z`;

/** Where the line that begins at `start` ends, or is cut; `start` itself if that is not known yet. */
function lineEnd(text: Uint8Array, start: number, last: boolean): number {
  const end = text.indexOf(newline, start) + 1;
  if (end > 0 && end - start <= maxLine) return end;
  if (text.length - start > maxLine) return characterStart(text, start + maxLine);
  return last ? text.length : start;
}

const longestCharacter = 4;

/** The nearest place before `at` where a character of UTF-8 begins; `at` itself if it is another text. */
function characterStart(text: Uint8Array, at: number): number {
  for (let start = at; start > at - longestCharacter; start--) {
    const byte = text[start];
    if (byte === undefined || (byte & 0xc0) !== 0x80) return start;
  }
  return at;
}
