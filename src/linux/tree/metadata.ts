/** What belongs to a file beside its content: chown(2), chmod(2), utimensat(2), and its size, truncate(2). */

import { done, nameIn } from "../at.ts";
import type { ByteName } from "../byte-name.ts";
import { cwd, type Fd } from "../file.ts";
import { bind, cstr, memory } from "../libc.ts";

const libc = bind({
  fchownat: ["int", "int", "ptr", "int", "int", "int"],
  fchmodat: ["int", "int", "ptr", "int", "int"],
  utimensat: ["int", "int", "ptr", "ptr", "int"],
  fchown: ["int", "int", "int", "int"],
  fchmod: ["int", "int", "int"],
  futimens: ["int", "int", "ptr"],
  ftruncate: ["int", "int", "long"],
});

const AT_SYMLINK_NOFOLLOW = 0x100;

/** fchownat(2), never through a symbolic link. */
export const chownAt = (directory: Fd, entry: ByteName, uid: number, gid: number, subject = entry): void =>
  void done("chown", subject, libc.fchownat(directory, nameIn(entry), uid | 0, gid | 0, AT_SYMLINK_NOFOLLOW));

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
  void done("set times of", subject, libc.utimensat(directory, nameIn(entry), timespecs(time), AT_SYMLINK_NOFOLLOW));

/** ftruncate(2): the end of a sparse file. */
export const ftruncate = (fd: Fd, size: number, subject: ByteName): void =>
  void done("set the size of", subject, libc.ftruncate(fd, size));
