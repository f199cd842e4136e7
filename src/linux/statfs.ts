/** statfs(2): what file system a file lies on, and how much room there is. */

import { done } from "./at.ts";
import { type ByteName, byteNameOf } from "./byte-name.ts";
import type { Fd } from "./file.ts";
import { bind, memory } from "./libc.ts";

const libc = bind({ fstatfs: ["int", "int", "ptr"] });

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
