/** The directory-relative calls: openat2(2), mkdirat(2), linkat(2) and the rest that fill a directory nobody may lead us out of. */

import { SyscallError } from "../errors.ts";
import { type ByteName, byteName, byteNameIn, textOf } from "./byte-name.ts";
import { EAGAIN, EINTR, ENOENT } from "./errno.ts";
import { type Fd, O_CLOEXEC } from "./file.ts";
import { bind, memory, readErrno, syscall, syscallError } from "./libc.ts";

const encoder = new TextEncoder();

const libc = bind({
  openat: ["int", "int", "ptr", "int", "int"],
  mkdirat: ["int", "int", "ptr", "int"],
  unlinkat: ["int", "int", "ptr", "int"],
  readlinkat: ["long", "int", "ptr", "ptr", "long"],
});

const AT_REMOVEDIR = 0x200;

const scratch: Uint8Array<ArrayBuffer>[] = [];

/** A NUL-terminated name for a call, in memory that is reused: the slot's previous name is gone. */
export function nameIn(text: ByteName, slot: 0 | 1 = 0): Uint8Array {
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
export function done(call: string, subject: ByteName, result: number): number {
  if (result !== -1) return result;
  const errno = readErrno();
  throw syscallError(call, textOf(subject), errno);
}

/** As `checkRetry`, for subjects that are byte names. */
export function retried(call: string, subject: ByteName, attempt: () => number): number {
  for (;;) {
    const result = attempt();
    if (result !== -1) return result;
    const errno = readErrno();
    if (errno !== EINTR) throw syscallError(call, textOf(subject), errno);
  }
}

/** openat(2), always close-on-exec. `subject` is the path to name in errors. */
export function openAt(directory: Fd, entry: ByteName, flags: number, subject = entry, mode = 0): Fd {
  const path = nameIn(entry);
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
  const text = nameIn(path === "" ? here : path);
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
  void done("mkdir", subject, libc.mkdirat(directory, nameIn(entry), mode));

/** unlinkat(2). */
export const unlinkAt = (directory: Fd, entry: ByteName, subject = entry): void =>
  void done("unlink", subject, libc.unlinkat(directory, nameIn(entry), 0));

/** rmdir(2) by directory. */
export const rmdirAt = (directory: Fd, entry: ByteName, subject = entry): void =>
  void done("rmdir", subject, libc.unlinkat(directory, nameIn(entry), AT_REMOVEDIR));

/** The target of a symbolic link. */
export function readlinkAt(directory: Fd, entry: ByteName, subject = entry): ByteName {
  const buffer = memory(4096);
  const length = done("readlink", subject, libc.readlinkat(directory, nameIn(entry), buffer, buffer.length));
  return byteNameIn(Buffer.from(buffer.buffer), 0, length);
}
