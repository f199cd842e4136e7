/**
 * Copies a directory with everything that belongs to its files: owners, modes, times, also those of symbolic links, hard links,
 * holes, capabilities and user attributes. Walks by descriptors, however deep, and follows no symbolic link.
 */

import { mkdirAt, openAt, openInRoot, readlinkAt } from "../at.ts";
import { type ByteName, byteName, byteNameOf, textOf } from "../byte-name.ts";
import {
  cwd,
  type Fd,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  O_WRONLY,
  owned,
} from "../file.ts";
import { bind, memory } from "../libc.ts";
import { pread, pwriteAll } from "../pread.ts";
import { fstat, type Stat } from "../stat.ts";
import { Descent } from "./descent.ts";
import { linkAt, mknodAt, symlinkAt } from "./entries.ts";
import { dataRanges } from "./holes.ts";
import { chmodPath, chownAt, fchmod, fchown, ftruncate, futimens, timeOf, utimesAt } from "./metadata.ts";
import { listAt } from "./tree.ts";
import { tell, watchedBytes, watchedEntries } from "./watch.ts";
import { belongsToFile, fsetxattr, listXattrs, readXattr } from "./xattr.ts";

const libc = bind({ ioctl: ["int", "int", "long", "long"] });
const FICLONE = 0x40049409;

/** ioctl_ficlone(2). @returns false where the file system shares nothing. */
const clone = (from: Fd, to: Fd): boolean => libc.ioctl(to, FICLONE, from) !== -1;

/** What becomes of a file's owner and its capabilities on the way into a copy. */
export interface Adapt {
  owner(owner: { uid: number; gid: number }): { uid: number; gid: number };
  capability?(value: Uint8Array): Uint8Array;
}

/**
 * Copies everything in one open directory into another, which is empty and becomes as the first in its owner, mode and times.
 * @param adapt absent where owners stay as they are.
 */
export function copyTree(from: Fd, to: Fd, subject: ByteName, adapt?: Adapt): void {
  using source = new Descent(from, subject);
  using target = new Descent(to, subject);
  const copying: Copying = {
    source,
    target,
    to,
    subject: textOf(subject),
    linked: new Map(),
    open: [],
    adapt,
    entries: 0,
    bytes: 0,
    toldBytes: 0,
  };
  const { open } = copying;
  open.push({ name: byteName``, stat: fstat(from), pending: namesIn(from, subject) });
  for (let at = open.at(-1); at; at = open.at(-1)) {
    const name = at.pending.pop();
    if (name !== undefined) {
      copyEntry(copying, name);
      continue;
    }
    takeOver(source.fd, target.fd, at.stat, target.shown(), adapt);
    open.pop();
    if (open.length === 0) break;
    source.leave();
    target.leave();
  }
  if (copying.entries >= watchedEntries || copying.toldBytes > 0) tell();
}

interface Copying {
  source: Descent;
  target: Descent;
  to: Fd;
  /** Where the first name of a file that has several is, by inode. */
  linked: Map<string, ByteName>;
  /** The directories on the way to where it is, and what of each still is to be copied. */
  open: { name: ByteName; stat: Stat; pending: ByteName[] }[];
  adapt: Adapt | undefined;
  /** For who watches. */
  subject: string;
  entries: number;
  bytes: number;
  toldBytes: number;
}

function tellCopied(copying: Copying): void {
  const { subject, entries, bytes } = copying;
  copying.toldBytes = bytes;
  tell({ work: "copying", subject, entries, bytes });
}

const namesIn = (directory: Fd, subject: ByteName): ByteName[] => listAt(directory, subject).map(({ name }) => name);

function copyEntry(copying: Copying, name: ByteName): void {
  const { source, target, open } = copying;
  if (++copying.entries % watchedEntries === 0) tellCopied(copying);
  using entry = owned(openAt(source.fd, name, O_PATH | O_NOFOLLOW));
  const stat = fstat(entry.fd);
  if (stat.type === "directory") {
    source.enter(name, openAt(source.fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    mkdirAt(target.fd, name, 0o700, target.shown(name));
    target.enter(name, openAt(target.fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    open.push({ name, stat, pending: namesIn(source.fd, name) });
  } else if (!(stat.nlink > 1 && isLinked(copying, stat, name))) copyFile(copying, entry.fd, stat, name);
}

/** Makes one more name of what was copied already. @returns false for the first. */
function isLinked({ open, linked, to, target }: Copying, stat: Stat, name: ByteName): boolean {
  const inode = `${stat.device} ${stat.ino}`;
  const first = linked.get(inode);
  if (first === undefined) {
    const path = open.slice(1).reduceRight((below, directory) => byteName`${directory.name}/${below}`, name);
    if (path.length <= maxPath) linked.set(inode, path);
    return false;
  }
  const slash = first.lastIndexOf("/");
  using directory = owned(openInRoot(to, first.slice(0, Math.max(slash, 0)), O_PATH | O_DIRECTORY, false));
  linkAt(directory.fd, first.slice(slash + 1), target.fd, name);
  return true;
}

/** Longer ones no call takes. */
const maxPath = 4095;

/** Everything but a directory. A socket is left out: without its process it is nothing. @param from O_PATH is enough. */
function copyFile(copying: Copying, from: Fd, stat: Stat, name: ByteName): void {
  const { adapt } = copying;
  const to = copying.target.fd;
  if (stat.type === "file") {
    using readable = owned(openAt(cwd, byteNameOf(`/proc/self/fd/${from}`), O_RDONLY | O_NONBLOCK, name));
    using made = owned(openAt(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, name, 0o600));
    copyContent(copying, readable.fd, made.fd, stat, name);
    takeOver(readable.fd, made.fd, stat, name, adapt);
    return;
  }
  if (stat.type === "socket" || stat.type === "directory") return;
  if (stat.type === "symlink") symlinkAt(readlinkAt(from, byteName``, name), to, name);
  else {
    const [major, minor] = stat.rdev.split(":").map(Number) as [number, number];
    mknodAt(to, name, { type: stat.type, mode: stat.mode, major, minor });
  }
  const { uid, gid } = adapt ? adapt.owner(stat) : stat;
  chownAt(to, name, uid, gid);
  if (stat.type !== "symlink") {
    using node = owned(openAt(to, name, O_PATH | O_NOFOLLOW));
    chmodPath(node.fd, stat.mode, name); // mknod(2) heeds the umask
  }
  utimesAt(to, name, timeOf(stat.mtimeNs));
}

/** Shared with the original where the file system can do that; otherwise piece by piece, and holes stay holes. */
function copyContent(copying: Copying, from: Fd, to: Fd, stat: Stat, name: ByteName): void {
  if (stat.size === 0 || (stat.device === fstat(to).device && clone(from, to))) return;
  const isSparse = stat.blocks * 512 < stat.size;
  const ranges = isSparse ? dataRanges(from, stat.size, textOf(name)) : [0, stat.size];
  const buffer = memory(Math.min(1 << 18, stat.size));
  for (let i = 0; i < ranges.length; i += 2) {
    const end = ranges[i]! + ranges[i + 1]!;
    for (let at = ranges[i]!; at < end; ) {
      const count = pread(from, buffer.subarray(0, Math.min(buffer.length, end - at)), at, name);
      if (count === 0) break; // cut off meanwhile
      pwriteAll(to, buffer.subarray(0, count), at, name);
      at += count;
      copying.bytes += count;
      if (copying.bytes - copying.toldBytes >= watchedBytes) tellCopied(copying);
    }
  }
  if (isSparse) ftruncate(to, stat.size, name);
}

/** Gives a file the owner, mode, attributes and times of another. chown(2) clears setuid and capabilities, so it is first; times are last. */
export function takeOver(from: Fd, to: Fd, stat: Stat, subject: ByteName, adapt?: Adapt): void {
  const { uid, gid } = adapt ? adapt.owner(stat) : stat;
  fchown(to, uid, gid, subject);
  fchmod(to, stat.mode, subject);
  for (const key of listXattrs(from, subject)) {
    const value = belongsToFile(key) ? readXattr(from, key, subject) : undefined;
    const own = value && key === "security.capability" && adapt?.capability ? adapt.capability(value) : value;
    if (own) fsetxattr(to, key, own, subject);
  }
  futimens(to, timeOf(stat.mtimeNs), subject);
}
