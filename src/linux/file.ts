/** Open files and what is in them, by system call: without node:fs, which takes 1 ms to load. */

import { hasCode, InvalidError } from "../errors.ts";
import { EINTR, ENOENT, ENOTDIR } from "./errno.ts";
import { AT_FDCWD, allow, bind, check, checkRetry, cstr, memory, readErrno } from "./libc.ts";
import { rename, rmdir, unlink } from "./names.ts";
import { fstat } from "./stat.ts";

const libc = bind({
  openat: ["int", "int", "ptr", "int", "int"],
  close: ["int", "int"],
  read: ["long", "int", "ptr", "long"],
  write: ["long", "int", "ptr", "long"],
  lseek: ["long", "int", "long", "int"],
});

export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_RDWR = 2;
export const O_CREAT = 0o100;
export const O_EXCL = 0o200;
export const O_NOCTTY = 0o400;
export const O_TRUNC = 0o1000;
export const O_APPEND = 0o2000;
export const O_NONBLOCK = 0o4000;
export const O_CLOEXEC = 0o2000000;
export const O_PATH = 0o10000000;
// The only two whose bits differ between the architectures we support.
export const O_DIRECTORY = process.arch === "arm64" ? 0o40000 : 0o200000;
/** A file without a name in the directory that is opened: it goes with its descriptor unless it is given one. */
export const O_TMPFILE = 0x400000 | O_DIRECTORY;
export const O_NOFOLLOW = process.arch === "arm64" ? 0o100000 : 0o400000;

/** An open file, socket, pipe or process: what open(2) and the like return, and close(2) takes. Three have their numbers for good. */
export type Fd = (number & { readonly [brand]: "fd" }) | 0 | 1 | 2;
declare const brand: unique symbol;

/** AT_FDCWD: the directory that paths are relative to. */
export const cwd = (AT_FDCWD | 0) as Fd;

/** open(2), always close-on-exec. */
export function open(path: string, flags: number, mode = 0): Fd {
  const name = cstr(path);
  return checkRetry("open", path, () => libc.openat(cwd, name, flags | O_CLOEXEC, mode)) as Fd;
}

/** open(2), always close-on-exec, or undefined where there is nothing. */
export function openIfAny(path: string, flags: number): Fd | undefined {
  const name = cstr(path);
  for (;;) {
    const fd = allow([ENOENT, ENOTDIR, EINTR], "open", path, libc.openat(cwd, name, flags | O_CLOEXEC, 0));
    if (fd !== -1) return fd as Fd;
    if (readErrno() !== EINTR) return undefined;
  }
}

/** close(2). The descriptor is gone whatever the answer, so there is nothing to check. */
export const close = (fd: Fd): void => void libc.close(fd);

/** A descriptor that is closed where the block ends that it lives in, whatever happens there. */
export class Owned {
  private handedOff = false;

  constructor(readonly fd: Fd) {}

  /** For whoever closes it from now on. */
  handOff(): Fd {
    this.handedOff = true;
    return this.fd;
  }

  [Symbol.dispose](): void {
    if (!this.handedOff) close(this.fd);
  }
}

/** `using file = owned(open(path, flags));` */
export function owned(fd: Fd): Owned;
export function owned(fd: Fd | undefined): Owned | undefined;
export function owned(fd: Fd | undefined): Owned | undefined {
  return fd === undefined ? undefined : new Owned(fd);
}

/** Runs `use` with the file open and closes it whatever happens. */
export function withFile<Result>(path: string, flags: number, use: (fd: Fd) => Result, mode = 0o600): Result {
  using file = owned(open(path, flags, mode));
  return use(file.fd);
}

const standard = ["stdin", "stdout", "stderr"];

/** In words. */
export const nameOf = (fd: Fd): string => standard[fd] ?? `fd ${fd}`;

/** read(2) into a buffer: how many bytes came, 0 at the end of the file. */
export const read = (fd: Fd, into: Uint8Array, subject = nameOf(fd)): number =>
  checkRetry("read", subject, () => libc.read(fd, into, into.length));

/** write(2): how many bytes were taken. */
export const write = (fd: Fd, data: Uint8Array, subject = nameOf(fd)): number =>
  checkRetry("write to", subject, () => libc.write(fd, data, data.length));

/** write(2) until all of it is written. */
export function writeAll(fd: Fd, data: Uint8Array, subject = nameOf(fd)): void {
  for (let rest = data; rest.length > 0; ) {
    const written = checkRetry("write to", subject, () => libc.write(fd, rest, rest.length));
    rest = rest.subarray(written);
  }
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** Everything that can be read from a descriptor, up to `maxBytes`. @param begun what was read before. @throws InvalidError beyond. */
export function readAll(fd: Fd, subject: string, maxBytes = 64 << 20, begun?: Uint8Array): Uint8Array {
  let buffer = memory(begun ? begun.length * 4 : 4096);
  let length = 0;
  if (begun) {
    buffer.set(begun);
    length = begun.length;
  }
  for (;;) {
    if (length > maxBytes) throw tooLarge(subject, maxBytes);
    if (length === buffer.length) {
      const larger = memory(buffer.length * 4);
      larger.set(buffer);
      buffer = larger;
    }
    const count = read(fd, buffer.subarray(length), subject);
    if (count === 0) return buffer.subarray(0, length);
    length += count;
  }
}

function tooLarge(subject: string, maxBytes: number): InvalidError {
  const { readableBytes } = require("../readable-bytes.ts") as typeof import("../readable-bytes.ts");
  return new InvalidError(`cannot read ${subject}: larger than ${readableBytes(maxBytes)}`);
}

/** A whole file as UTF-8 text. Works for /proc and /sys, whose sizes are unknown. */
export const readFile = (path: string, maxBytes?: number): string =>
  withFile(path, O_RDONLY, (fd) => readText(fd, path, maxBytes));

/** A whole file as it is. */
export const readBytes = (path: string): Uint8Array => withFile(path, O_RDONLY, (fd) => readAll(fd, path));

/** A whole file as text, or undefined where there is none. A FIFO in its place is not waited for. */
export function readFileIfAny(path: string): string | undefined {
  using file = owned(openIfAny(path, O_RDONLY | O_NONBLOCK));
  return file && readText(file.fd, path);
}

/** Most files that are read as text fit in here; one room for all of them. */
let room: Uint8Array<ArrayBuffer> | undefined;
const roomBytes = 8192;

function readText(fd: Fd, subject: string, maxBytes?: number): string {
  room ??= memory(roomBytes);
  let length = 0;
  for (let count = -1; count !== 0 && length < roomBytes; length += count)
    count = read(fd, room.subarray(length), subject);
  const begun = room.subarray(0, length);
  if (length < Math.min(roomBytes, maxBytes ?? roomBytes)) return decoder.decode(begun);
  return decoder.decode(readAll(fd, subject, maxBytes, begun));
}

/** As `readFileIfAny`, for a file on disk that is small as a rule: what comes short is its end, so one read(2) does. */
export function readSmallFileIfAny(path: string, flags = 0): string | undefined {
  room ??= memory(roomBytes);
  using file = owned(openIfAny(path, O_RDONLY | O_NONBLOCK | flags));
  if (file === undefined) return undefined;
  const count = read(file.fd, room, path);
  const begun = room.subarray(0, count);
  if (count < roomBytes) return decoder.decode(begun);
  // What has no end is no file on disk.
  if (fstat(file.fd).type !== "file") throw new InvalidError(`cannot read ${path}: it is not a file`);
  return decoder.decode(readAll(file.fd, path, undefined, begun));
}

/** Writes text to a file that exists already (a cgroup or /proc setting), in one write(2). */
export function writeSetting(path: string, text: string): void {
  const data = encoder.encode(text);
  withFile(path, O_WRONLY, (fd) =>
    checkRetry("write", `${text.trim()} to ${path}`, () => libc.write(fd, data, data.length)),
  );
}

/** Creates a file that must not be there yet. Where there is no room for its text there is no file. */
export function writeNewFile(path: string, text: string, mode = 0o600): void {
  withFile(path, O_WRONLY | O_CREAT | O_EXCL, (fd) => writeOrUnlink(fd, text, path), mode);
}

function writeOrUnlink(fd: Fd, text: string, path: string): void {
  try {
    writeAll(fd, encoder.encode(text), path);
  } catch (error) {
    unlink(path);
    throw error;
  }
}

/**
 * Creates or replaces a file at once: readers see the old text or the new, never a part. Mode 0600. An empty directory in its
 * place, which is nobody's, gives way.
 */
export function writeFileAtomic(path: string, text: string): void {
  const temporary = `${path}.${process.pid}.new`;
  const flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW;
  withFile(temporary, flags, (fd) => writeOrUnlink(fd, text, temporary));
  try {
    rename(temporary, path);
  } catch (error) {
    if (hasCode(error, "EISDIR") && rmdir(path)) rename(temporary, path);
    else {
      unlink(temporary);
      throw error;
    }
  }
}

/**
 * Replaces the text of a file where it is, which needs no room if it was as long: with spaces up to the old length. Not at
 * once for its readers; for when `writeFileAtomic` finds the disk full.
 */
export function overwriteFile(path: string, text: string): void {
  withFile(path, O_WRONLY | O_NOFOLLOW, (fd) => writeAll(fd, encoder.encode(text.padEnd(fstat(fd).size)), path));
}

/** lseek(2) to the first byte. */
export const seekToStart = (fd: Fd): void => void check("seek", `fd ${fd}`, libc.lseek(fd, 0, 0));

/** lseek(2) from where the descriptor is. */
export const seekBy = (fd: Fd, bytes: number): void => void check("seek", `fd ${fd}`, libc.lseek(fd, bytes, SEEK_CUR));
const SEEK_CUR = 1;
