/** The directory-relative calls: openat2(2), mkdirat(2), linkat(2) and the rest that fill a directory nobody may lead us out of. */

import { SyscallError } from "../errors.ts";
import { EAGAIN, EEXIST, EINTR, ENOENT } from "./errno.ts";
import { cwd, type Fd, O_CLOEXEC } from "./file.ts";
import { allow, bind, cstr, memory, readErrno, syscall, syscallError } from "./libc.ts";

/**
 * A file name as the kernel keeps it, one character per byte: names in tars need not be UTF-8. What is cut out of one is one
 * as well. `textOf` shows one to people, and only the functions here make one.
 */
export type ByteName = {
  readonly [brand]: "bytes";
  slice(start?: number, end?: number): ByteName;
  split(separator: string): ByteName[];
  replace(pattern: RegExp, by: "" | "/"): ByteName;
} & string;
declare const brand: unique symbol;

/** Names put together, byteName`${directory}/${name}`, or a constant, byteName`etc`. What is written out is ASCII. */
export function byteName(ascii: TemplateStringsArray, ...names: ByteName[]): ByteName {
  let name: string = ascii[0]!;
  for (let at = 0; at < names.length; at++) name += names[at]! + ascii[at + 1]!;
  return name as ByteName;
}

export const textOf = (name: ByteName): string => (isAscii(name) ? name : Buffer.from(name, "latin1").toString("utf8"));
export const byteNameOf = (text: string): ByteName =>
  (isAscii(text) ? text : Buffer.from(text, "utf8").toString("latin1")) as ByteName;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A name that getdents64(2) gave. Most are ASCII, and a run that meets no other does without Buffer, which takes 0.2 ms. */
export function byteNameFrom(bytes: Uint8Array): ByteName {
  const text = decoder.decode(bytes);
  // A character that takes several bytes makes the text shorter; a byte that is none becomes U+FFFD.
  if (text.length === bytes.length && !text.includes("\ufffd")) return text as ByteName;
  return byteNameIn(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
}

/** The name that stands in a buffer. */
export const byteNameIn = (buffer: Buffer, start = 0, end = buffer.length): ByteName =>
  buffer.toString("latin1", start, end) as ByteName;

function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 127) return false;
  return true;
}

const libc = bind({
  openat: ["int", "int", "ptr", "int", "int"],
  mkdirat: ["int", "int", "ptr", "int"],
  symlinkat: ["int", "ptr", "int", "ptr"],
  linkat: ["int", "int", "ptr", "int", "ptr", "int"],
  unlinkat: ["int", "int", "ptr", "int"],
  fchownat: ["int", "int", "ptr", "int", "int", "int"],
  fchmodat: ["int", "int", "ptr", "int", "int"],
  utimensat: ["int", "int", "ptr", "ptr", "int"],
  fchown: ["int", "int", "int", "int"],
  fchmod: ["int", "int", "int"],
  futimens: ["int", "int", "ptr"],
  ftruncate: ["int", "int", "long"],
  pwrite: ["long", "int", "ptr", "long", "long"],
  pread: ["long", "int", "ptr", "long", "long"],
  renameat: ["int", "int", "ptr", "int", "ptr"],
  fsetxattr: ["int", "int", "ptr", "ptr", "long", "int"],
  fgetxattr: ["long", "int", "ptr", "ptr", "long"],
  readlinkat: ["long", "int", "ptr", "ptr", "long"],
  syncfs: ["int", "int"],
  fstatfs: ["int", "int", "ptr"],
});

const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_REMOVEDIR = 0x200;

const scratch: Uint8Array<ArrayBuffer>[] = [];

/** A NUL-terminated name in memory that is reused: the slot's previous name is gone. */
function name(text: ByteName, slot: 0 | 1 = 0): Uint8Array {
  if (text.length > 4095) throw new SyscallError("use", `${text.slice(0, 60)}...`, "ENAMETOOLONG", "name too long");
  if (text.includes("\0")) throw new SyscallError("use", textOf(text), "EINVAL", "a NUL byte inside a name");
  scratch[slot] ??= memory(8400);
  const buffer = scratch[slot];
  const { written } = encoder.encodeInto(text, buffer);
  // UTF-8 takes more than one byte for what is not ASCII, and a byte name means bytes.
  if (written !== text.length) Buffer.from(buffer.buffer).write(text, 0, "latin1");
  buffer[text.length] = 0;
  return buffer;
}

/** As `check`, for subjects that are byte names. The call comes last. */
function done(call: string, subject: ByteName, result: number): number {
  if (result !== -1) return result;
  const errno = readErrno();
  throw syscallError(call, textOf(subject), errno);
}

/** As `checkRetry`, for subjects that are byte names. */
function retried(call: string, subject: ByteName, attempt: () => number): number {
  for (;;) {
    const result = attempt();
    if (result !== -1) return result;
    const errno = readErrno();
    if (errno !== EINTR) throw syscallError(call, textOf(subject), errno);
  }
}

/** openat(2), always close-on-exec. `subject` is the path to name in errors. */
export function openAt(directory: Fd, entry: ByteName, flags: number, subject = entry, mode = 0): Fd {
  const path = name(entry);
  return retried("open", subject, () => libc.openat(directory, path, flags | O_CLOEXEC, mode)) as Fd;
}

const RESOLVE_NO_XDEV = 0x01;
const RESOLVE_NO_MAGICLINKS = 0x02;
const RESOLVE_NO_SYMLINKS = 0x04;
const RESOLVE_IN_ROOT = 0x10;
const here = byteName`.`;
const how = memory(24); // struct open_how { u64 flags, mode, resolve }
const howView = new DataView(how.buffer);

/**
 * openat2(2) with the directory as the root: `..`, absolute paths and symbolic links lead back into it, and never out.
 * Without `follow` a symbolic link on the way is ELOOP.
 * @see https://man7.org/linux/man-pages/man2/openat2.2.html
 */
export function openInRoot(root: Fd, path: ByteName, flags: number, follow = true): Fd {
  const fd = openInRootIfAny(root, path, flags, follow);
  if (fd === undefined) throw syscallError("open", textOf(path), ENOENT);
  return fd;
}

/** The same, or undefined where there is nothing. */
export const openInRootIfAny = (root: Fd, path: ByteName, flags: number, follow = true): Fd | undefined =>
  openBelow(root, path, flags, follow ? 0 : RESOLVE_NO_SYMLINKS);

/** The same for what is on the root's own mount. @throws SyscallError EXDEV if the path leads to another one. */
export const openOnMountIfAny = (root: Fd, path: ByteName, flags: number): Fd | undefined =>
  openBelow(root, path, flags, RESOLVE_NO_XDEV);

function openBelow(root: Fd, path: ByteName, flags: number, resolve: number): Fd | undefined {
  const text = name(path === "" ? here : path);
  howView.setUint32(0, flags | O_CLOEXEC, true);
  howView.setUint32(16, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve, true);
  // EAGAIN: a rename elsewhere raced with the walk; the kernel asks to try again.
  for (let attempt = 0; ; attempt++) {
    const fd = syscall("openat2", root, text, how, how.length);
    if (fd !== -1) return fd as Fd;
    const errno = readErrno();
    if (errno === ENOENT) return undefined;
    if (errno !== EINTR && (errno !== EAGAIN || attempt > 100)) throw syscallError("open", textOf(path), errno);
  }
}

/** mkdirat(2). */
export const mkdirAt = (directory: Fd, entry: ByteName, mode: number, subject = entry): void =>
  void done("mkdir", subject, libc.mkdirat(directory, name(entry), mode));

/** symlinkat(2); the target is stored as it is. */
export const symlinkAt = (target: ByteName, directory: Fd, entry: ByteName, subject = entry): void =>
  void done("symlink", subject, libc.symlinkat(name(target, 1), directory, name(entry)));

/** linkat(2) with flags 0: a symbolic link is itself linked, never followed. */
export const linkAt = (from: Fd, target: ByteName, to: Fd, entry: ByteName, subject = entry): void =>
  void done("link", subject, libc.linkat(from, name(target, 1), to, name(entry), 0));

/** unlinkat(2). */
export const unlinkAt = (directory: Fd, entry: ByteName, subject = entry): void =>
  void done("unlink", subject, libc.unlinkat(directory, name(entry), 0));

/** rmdir(2) by directory. */
export const rmdirAt = (directory: Fd, entry: ByteName, subject = entry): void =>
  void done("rmdir", subject, libc.unlinkat(directory, name(entry), AT_REMOVEDIR));

/** renameat(2) within a directory. */
export const renameAt = (directory: Fd, from: ByteName, to: ByteName): void =>
  void done("rename", from, libc.renameat(directory, name(from), directory, name(to, 1)));

const RENAME_NOREPLACE = 1;

/** renameat2(2) of an entry into another directory, under its name. @returns false if there is one of that name already. */
export function moveAt(from: Fd, entry: ByteName, to: Fd, subject = entry): boolean {
  const result = syscall("renameat2", from, name(entry), to, name(entry, 1), RENAME_NOREPLACE);
  return allow([EEXIST], "move", textOf(subject), result) !== -1;
}

const fileTypes = { char: 0o020000, block: 0o060000, fifo: 0o010000 };

/** mknodat(2) by number: glibc before 2.33 has no such symbol. */
export function mknodAt(
  directory: Fd,
  entry: ByteName,
  node: { type: keyof typeof fileTypes; mode: number; major: number; minor: number },
  subject = entry,
): void {
  const device = ((node.minor & 0xfff00) << 12) | ((node.major & 0xfff) << 8) | (node.minor & 0xff);
  done("mknod", subject, syscall("mknodat", directory, name(entry), fileTypes[node.type] | node.mode, device >>> 0));
}

/** fchownat(2), never through a symbolic link. */
export const chownAt = (directory: Fd, entry: ByteName, uid: number, gid: number, subject = entry): void =>
  void done("chown", subject, libc.fchownat(directory, name(entry), uid | 0, gid | 0, AT_SYMLINK_NOFOLLOW));

/** chmod(2) of an O_PATH descriptor: fchmod(2) refuses those, the magic link in /proc does not. */
export const chmodPath = (fd: Fd, mode: number, subject: ByteName): void =>
  void done("chmod", subject, libc.fchmodat(cwd, cstr(`/proc/self/fd/${fd}`), mode, 0));

/** fchown(2). */
export const fchown = (fd: Fd, uid: number, gid: number, subject: ByteName): void =>
  void done("chown", subject, libc.fchown(fd, uid | 0, gid | 0));

/** fchmod(2). */
export const fchmod = (fd: Fd, mode: number, subject: ByteName): void =>
  void done("chmod", subject, libc.fchmod(fd, mode));

/** A point in time, in whole seconds since 1970 and nanoseconds after them. */
export interface Time {
  seconds: number;
  nanoseconds: number;
}

/** Nanoseconds since 1970, as stat(2) tells them, for the calls that set times. */
export const timeOf = (ns: bigint): Time => {
  const nanoseconds = ((ns % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  return { seconds: Number((ns - nanoseconds) / 1_000_000_000n), nanoseconds: Number(nanoseconds) };
};

const times = memory(32); // struct timespec { i64 seconds, i64 nanoseconds }, twice: access, modification
const timesView = new DataView(times.buffer);
function timespecs({ seconds, nanoseconds }: Time): Uint8Array {
  for (const at of [0, 16]) {
    timesView.setInt32(at, seconds | 0, true);
    timesView.setInt32(at + 4, Math.floor(seconds / 2 ** 32), true);
    timesView.setInt32(at + 8, nanoseconds, true);
  }
  return times;
}

/** futimens(2): access and modification time alike. */
export const futimens = (fd: Fd, time: Time, subject: ByteName): void =>
  void done("set times of", subject, libc.futimens(fd, timespecs(time)));

/** utimensat(2), never through a symbolic link. */
export const utimesAt = (directory: Fd, entry: ByteName, time: Time, subject = entry): void =>
  void done("set times of", subject, libc.utimensat(directory, name(entry), timespecs(time), AT_SYMLINK_NOFOLLOW));

/** ftruncate(2): the end of a sparse file. */
export const ftruncate = (fd: Fd, size: number, subject: ByteName): void =>
  void done("set the size of", subject, libc.ftruncate(fd, size));

/** pwrite(2) until all of it is written. */
export function pwriteAll(fd: Fd, data: Uint8Array, offset: number, subject: ByteName): void {
  for (let rest = data, at = offset; rest.length > 0; ) {
    const written = retried("write", subject, () => libc.pwrite(fd, rest, rest.length, at));
    if (written === rest.length) return;
    rest = rest.subarray(written);
    at += written;
  }
}

/** pread(2): how many bytes came, 0 at the end of the file. */
export const pread = (fd: Fd, into: Uint8Array, offset: number, subject: string): number =>
  retried("read", byteNameOf(subject), () => libc.pread(fd, into, into.length, offset));

/** fsetxattr(2). */
export const fsetxattr = (fd: Fd, key: ByteName, value: Uint8Array, subject: ByteName): void =>
  void done(`set ${key} of`, subject, libc.fsetxattr(fd, name(key), value.length > 0 ? value : null, value.length, 0));

/** fgetxattr(2) of a small attribute, or undefined where the file has none. */
export function fgetxattr(fd: Fd, key: ByteName): Uint8Array | undefined {
  const value = memory(256);
  const length = libc.fgetxattr(fd, name(key), value, value.length);
  return length === -1 ? undefined : value.subarray(0, length);
}

/** The target of a symbolic link. */
export function readlinkAt(directory: Fd, entry: ByteName, subject = entry): ByteName {
  const buffer = memory(4096);
  const length = done("readlink", subject, libc.readlinkat(directory, name(entry), buffer, buffer.length));
  return byteNameIn(Buffer.from(buffer.buffer), 0, length);
}

/** syncfs(2): everything written to the file system of `fd` is on its disk. */
export const syncfs = (fd: Fd, subject: string): void => void done("sync", byteNameOf(subject), libc.syncfs(fd));

const PROC_SUPER_MAGIC = 0x9fa0;

/** True for what lies on a proc(5) file system, whatever path led there. */
export const isOnProc = (fd: Fd, subject: string): boolean =>
  fileSystemType(fd, byteNameOf(subject)) === PROC_SUPER_MAGIC;

/** Of proc, sysfs, cgroup, cgroup2, devpts, mqueue, debugfs, tracefs, securityfs and bpf: views of the kernel, not files. */
const kernelTypes = [
  PROC_SUPER_MAGIC,
  0x62656572,
  0x27e0eb,
  0x63677270,
  0x1cd1,
  0x19800202,
  0x64626720,
  0x74726163,
  0x73636673,
  0xcafe4a11,
];

/** True for what is no file on a disk or in memory but a view of the kernel: its sizes mean nothing. */
export const isOnKernelFileSystem = (fd: Fd, subject: ByteName): boolean =>
  kernelTypes.includes(fileSystemType(fd, subject));

/** statfs(2): f_type. */
export function fileSystemType(fd: Fd, subject: ByteName): number {
  const buffer = memory(256);
  done("statfs", subject, libc.fstatfs(fd, buffer));
  return new DataView(buffer.buffer).getUint32(0, true);
}

/**
 * Bytes that this process may still write to the file system of `fd` (statfs(2): f_bavail of f_bsize). One that has no size,
 * as ramfs and a tmpfs without a limit, is never full.
 */
export function freeBytes(fd: Fd, subject: string): number {
  const buffer = memory(256);
  done("statfs", byteNameOf(subject), libc.fstatfs(fd, buffer));
  const view = new DataView(buffer.buffer);
  if (view.getBigUint64(16, true) === 0n) return Number.POSITIVE_INFINITY;
  return Number(view.getBigUint64(32, true)) * Number(view.getBigUint64(8, true));
}
