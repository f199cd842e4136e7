/** stat(2): what files are, by statx(2), which has one layout on every architecture. */

import { ENOENT, ENOTDIR } from "./errno.ts";
import { AT_FDCWD, allow, cstr, memory, syscall } from "./libc.ts";

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
export const fstat = (fd: number): Stat => statx(fd, "", AT_EMPTY_PATH);

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
