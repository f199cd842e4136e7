/** Files by system call: what a run needs of open(2), read(2), stat(2), mkdir(2), without loading node:fs (1 ms). */

import { hasCode, InvalidError } from "../errors.ts";
import { EAGAIN, EBUSY, EEXIST, EINTR, EISDIR, ENOENT, ENOTDIR, ENOTEMPTY, ESRCH } from "./errno.ts";
import { AT_FDCWD, allow, bind, check, checkRetry, cstr, memory, readErrno, syscall, syscallError } from "./libc.ts";

const libc = bind({
  openat: ["int", "int", "ptr", "int", "int"],
  close: ["int", "int"],
  read: ["long", "int", "ptr", "long"],
  write: ["long", "int", "ptr", "long"],
  mkdirat: ["int", "int", "ptr", "int"],
  unlinkat: ["int", "int", "ptr", "int"],
  renameat: ["int", "int", "ptr", "int", "ptr"],
  flock: ["int", "int", "int"],
  usleep: ["int", "int"],
  lseek: ["long", "int", "long", "int"],
  linkat: ["int", "int", "ptr", "int", "ptr", "int"],
  readlinkat: ["long", "int", "ptr", "ptr", "long"],
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
    if (length > maxBytes) throw new InvalidError(`cannot read ${subject}: larger than ${maxBytes} bytes`);
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

/** mkdir(2). */
export const mkdir = (path: string, mode = 0o700): void =>
  void check("mkdir", path, libc.mkdirat(cwd, cstr(path), mode));

/** mkdir(2). @returns false if there is something of that name. */
export const mkdirIfNew = (path: string, mode = 0o700): boolean =>
  allow([EEXIST], "mkdir", path, libc.mkdirat(cwd, cstr(path), mode)) !== -1;

/** mkdir(2) for the path and every parent that is missing. @returns those that it made, parents first. */
export function mkdirAll(path: string, mode = 0o700): string[] {
  const above: string[] = [];
  // Again, because somebody may remove a parent that is empty still; but not for ever: /proc never takes one.
  for (let attempt = 1; ; attempt++) {
    const expected = attempt < 5 ? [EEXIST, ENOENT] : [EEXIST];
    const made = allow(expected, "mkdir", path, libc.mkdirat(cwd, cstr(path), mode));
    if (made !== -1) return [...above, path];
    if (readErrno() === EEXIST) return above;
    const parent = path.slice(0, path.lastIndexOf("/"));
    if (parent !== "") above.push(...mkdirAll(parent, mode));
  }
}

const AT_REMOVEDIR = 0x200;

/** unlink(2); a file that is not there is fine, and an empty directory in its place goes as well. */
export function unlink(path: string): void {
  const gone = allow([ENOENT, EISDIR], "unlink", path, libc.unlinkat(cwd, cstr(path), 0));
  if (gone !== -1 || readErrno() === ENOENT || rmdir(path)) return;
  throw syscallError("unlink", path, EISDIR);
}

/** rmdir(2); a directory that is not there is fine. @returns false if something is in it, or uses it. */
export function rmdir(path: string): boolean {
  const expected = [ENOENT, EBUSY, ENOTEMPTY];
  const removed = allow(expected, "rmdir", path, libc.unlinkat(cwd, cstr(path), AT_REMOVEDIR));
  return removed !== -1 || readErrno() === ENOENT;
}

/** rename(2). */
export const rename = (from: string, to: string): void =>
  void check("rename", `${from} to ${to}`, libc.renameat(cwd, cstr(from), cwd, cstr(to)));

/** lseek(2) from where the descriptor is. */
export const seekBy = (fd: Fd, bytes: number): void => void check("seek", `fd ${fd}`, libc.lseek(fd, bytes, SEEK_CUR));
const SEEK_CUR = 1;

/** link(2): another name for a file. */
export const link = (from: string, to: string): void =>
  void check("link", `${from} to ${to}`, libc.linkat(cwd, cstr(from), cwd, cstr(to), 0));

/** Gives a name to an open file that has none yet (O_TMPFILE). @returns false if the name is taken. */
export function linkOpenFile(fd: Fd, path: string): boolean {
  const from = cstr(`/proc/self/fd/${fd}`);
  const result = libc.linkat(cwd, from, cwd, cstr(path), AT_SYMLINK_FOLLOW);
  return allow([EEXIST], "link", path, result) !== -1;
}
const AT_SYMLINK_FOLLOW = 0x400;

/** The target of a symbolic link. */
export function readlink(path: string): string {
  const buffer = memory(4096);
  const length = check("readlink", path, libc.readlinkat(cwd, cstr(path), buffer, buffer.length));
  return decoder.decode(buffer.subarray(0, length));
}

/** The target of a symbolic link, or undefined where there is none. */
export function readlinkIfAny(path: string): string | undefined {
  const buffer = memory(4096);
  const result = libc.readlinkat(cwd, cstr(path), buffer, buffer.length);
  const length = allow([ENOENT, ESRCH], "readlink", path, result);
  return length === -1 ? undefined : decoder.decode(buffer.subarray(0, length));
}

/** What stat(2) tells of a file; times in nanoseconds since 1970. Each field is read when somebody asks for it. */
export class Stat {
  constructor(private readonly view: DataView) {}

  get type(): "file" | "directory" | "symlink" | "char" | "block" | "fifo" | "socket" {
    return fileTypes[this.view.getUint16(28, true) >> 12] ?? "file";
  }
  /** Permission bits with setuid, setgid and sticky: 0 to 0o7777. */
  get mode(): number {
    return this.view.getUint16(28, true) & 0o7777;
  }
  get uid(): number {
    return this.u32(20);
  }
  get gid(): number {
    return this.u32(24);
  }
  get size(): number {
    return Number(this.view.getBigUint64(40, true));
  }
  /** Of 512 bytes each, as they lie on the disk: fewer than the size needs where there are holes. */
  get blocks(): number {
    return Number(this.view.getBigUint64(48, true));
  }
  get nlink(): number {
    return this.u32(16);
  }
  get ino(): bigint {
    return this.view.getBigUint64(32, true);
  }
  /** The device the file lives on, as `major:minor`. */
  get device(): string {
    return `${this.u32(136)}:${this.u32(140)}`;
  }
  /** The device a device node stands for, as `major:minor`. */
  get rdev(): string {
    return `${this.u32(128)}:${this.u32(132)}`;
  }
  get mtimeNs(): bigint {
    return this.time(112);
  }
  get ctimeNs(): bigint {
    return this.time(96);
  }

  private u32(offset: number): number {
    return this.view.getUint32(offset, true);
  }
  private time(offset: number): bigint {
    return this.view.getBigInt64(offset, true) * 1_000_000_000n + BigInt(this.u32(offset + 8));
  }
}

const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_EMPTY_PATH = 0x1000;
const STATX_BASIC_STATS = 0x7ff;
const fileTypes: Record<number, Stat["type"]> = {
  1: "fifo",
  2: "char",
  4: "directory",
  6: "block",
  8: "file",
  10: "symlink",
  12: "socket",
};

/** stat(2) of a path; a symbolic link is followed unless asked not to. */
export const stat = (path: string, options: { follow?: boolean } = {}): Stat =>
  statx(AT_FDCWD, path, options.follow === false ? AT_SYMLINK_NOFOLLOW : 0);

/** stat(2) of an open file, also of one opened with O_PATH. */
export const fstat = (fd: Fd): Stat => statx(fd, "", AT_EMPTY_PATH);

/** stat(2), or undefined where there is nothing. */
export function statIfAny(path: string, options: { follow?: boolean } = {}): Stat | undefined {
  const view = rawStatx(AT_FDCWD, path, options.follow === false ? AT_SYMLINK_NOFOLLOW : 0, [ENOENT, ENOTDIR]);
  return view && new Stat(view);
}

const statx = (directory: number, path: string, flags: number): Stat => new Stat(rawStatx(directory, path, flags)!);

/** statx(2): one layout on every architecture, unlike struct stat. Undefined for the errnos that are expected. */
function rawStatx(directory: number, path: string, flags: number, expected: number[] = []): DataView | undefined {
  const buffer = memory(256);
  const result = syscall("statx", directory, cstr(path), flags, STATX_BASIC_STATS, buffer);
  if (allow(expected, "stat", path || `fd ${directory}`, result) === -1) return undefined;
  return new DataView(buffer.buffer);
}

/** The names in a directory, or only those of directories in it; undefined where there is no such directory. */
export function readdir(path: string, only?: "directories"): string[] | undefined {
  using directory = owned(openIfAny(path, O_RDONLY | O_DIRECTORY));
  if (directory === undefined) return undefined;
  const names: string[] = [];
  readEntries(directory.fd, path, (name, isDirectory) => {
    if (isDirectory || !only) names.push(decoder.decode(name));
  });
  return names;
}

const DT_DIR = 4;
const dot = 46;

/**
 * getdents64(2) until the end, "." and ".." left out. A record: u64 inode, i64 offset, u16 length of the record, u8 type,
 * name NUL. @param use takes a name as the kernel keeps it, valid until it returns, and whether it is called a directory.
 */
export function readEntries(fd: Fd, subject: string, use: (name: Uint8Array, isDirectory: boolean) => void): void {
  const { buffer, view } = spare ?? roomForEntries();
  spare = undefined;
  for (;;) {
    // One that was removed since it was opened has no entries, and says so by ENOENT.
    const filled = allow([ENOENT], "read directory", subject, syscall("getdents64", fd, buffer, buffer.length));
    if (filled <= 0) break;
    for (let at = 0; at < filled; at += view.getUint16(at + 16, true)) {
      const name = buffer.subarray(at + 19, buffer.indexOf(0, at + 19));
      const itself = name[0] === dot && (name.length === 1 || (name.length === 2 && name[1] === dot));
      if (!itself) use(name, buffer[at + 18] === DT_DIR);
    }
  }
  spare = { buffer, view };
}

/** Of whoever has read a directory before, for the next who does; while it is in use another gets one of his own. */
let spare: ReturnType<typeof roomForEntries> | undefined;

function roomForEntries() {
  const buffer = memory(32768);
  return { buffer, view: new DataView(buffer.buffer) };
}

const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;

const betweenTriesUs = 10_000;
let whileWaiting: (() => void) | undefined;

/** What to ask again and again while a lock is waited for: it throws to end the waiting. Without it the kernel waits, however long. */
export function onLockWait(ask: () => void): void {
  whileWaiting = ask;
}

/** Asks it, if there is something to ask: for who waits in another way. */
export const askWhileWaiting = (): void => whileWaiting?.();

/** Does something that is not to be given up half way. */
export function uninterrupted<Result>(action: () => Result): Result {
  const before = whileWaiting;
  whileWaiting = undefined;
  try {
    return action();
  } finally {
    whileWaiting = before;
  }
}

/** flock(2), held until the descriptor is closed or the process dies. False if somebody else holds it and we do not wait. */
export function flock(fd: Fd, options: { shared?: boolean; wait: boolean }): boolean {
  const kind = options.shared ? LOCK_SH : LOCK_EX;
  for (;;) {
    const ask = options.wait ? whileWaiting : undefined;
    const operation = kind | (options.wait && !ask ? 0 : LOCK_NB);
    if (allow([EAGAIN, EINTR], "lock", `fd ${fd}`, libc.flock(fd, operation)) !== -1) return true;
    if (readErrno() !== EAGAIN) continue;
    if (!ask) return false;
    ask();
    libc.usleep(betweenTriesUs);
  }
}
