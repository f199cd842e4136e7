/** Fills a new volume with what the image has at its place, as Docker does: content, owners, modes, times, links. */

import * as at from "../linux/at.ts";
import {
  type Fd,
  fstat,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  O_WRONLY,
  owned,
  read,
  type Stat,
  writeAll,
} from "../linux/file.ts";
import { memory } from "../linux/libc.ts";
import { listAt } from "../linux/tree.ts";

/** Copies everything in one open directory into another, which gets the owner and mode of the first too. */
export function copyUp(from: Fd, to: Fd, subject: at.ByteName): void {
  for (const { name } of listAt(from, subject)) copyEntry(from, to, name, at.byteName`${subject}/${name}`);
  takeOver(to, fstat(from), subject);
}

function copyEntry(from: Fd, to: Fd, name: at.ByteName, subject: at.ByteName): void {
  const stat = statAt(from, name, subject);
  if (stat.type === "directory") {
    at.mkdirAt(to, name, 0o700, subject);
    withBoth(from, to, name, O_RDONLY | O_DIRECTORY, O_RDONLY | O_DIRECTORY, subject, (a, b) => copyUp(a, b, subject));
  } else if (stat.type === "file") {
    withBoth(from, to, name, O_RDONLY, O_WRONLY | O_CREAT | O_EXCL, subject, (a, b) => {
      copyContent(a, b);
      takeOver(b, stat, subject);
    });
  } else if (stat.type === "symlink") {
    at.symlinkAt(at.readlinkAt(from, name, subject), to, name, subject);
    at.chownAt(to, name, stat.uid, stat.gid, subject);
  } else if (stat.type !== "socket") {
    const [major, minor] = stat.rdev.split(":").map(Number) as [number, number];
    at.mknodAt(to, name, { type: stat.type, mode: stat.mode, major, minor }, subject);
    at.chownAt(to, name, stat.uid, stat.gid, subject);
  }
}

function withBoth(
  from: Fd,
  to: Fd,
  name: at.ByteName,
  readFlags: number,
  writeFlags: number,
  subject: at.ByteName,
  use: (from: Fd, to: Fd) => void,
): void {
  using a = owned(at.openAt(from, name, readFlags | O_NOFOLLOW, subject));
  using b = owned(at.openAt(to, name, writeFlags | O_NOFOLLOW, subject, 0o600));
  use(a.fd, b.fd);
}

function statAt(directory: Fd, name: at.ByteName, subject: at.ByteName): Stat {
  using entry = owned(at.openAt(directory, name, O_PATH | O_NOFOLLOW, subject));
  return fstat(entry.fd);
}

function copyContent(from: Fd, to: Fd): void {
  const buffer = memory(1 << 18);
  for (let count = read(from, buffer); count > 0; count = read(from, buffer)) writeAll(to, buffer.subarray(0, count));
}

/** Gives a file the owner, mode and times of another. Owner before mode: chown(2) clears setuid. Times last: everything before changes them. */
export function takeOver(fd: Fd, stat: Stat, subject: at.ByteName): void {
  at.fchown(fd, stat.uid, stat.gid, subject);
  at.fchmod(fd, stat.mode, subject);
  const nanoseconds = Number(stat.mtimeNs % 1_000_000_000n);
  at.futimens(fd, { seconds: Number(stat.mtimeNs / 1_000_000_000n), nanoseconds }, subject);
}
