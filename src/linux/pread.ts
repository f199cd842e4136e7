/** pread(2) and pwrite(2): content at an offset, and syncfs(2), which brings it to the disk. */

import { done, retried } from "./at.ts";
import { type ByteName, byteNameOf } from "./byte-name.ts";
import type { Fd } from "./file.ts";
import { bind } from "./libc.ts";

const libc = bind({
  pwrite: ["long", "int", "ptr", "long", "long"],
  pread: ["long", "int", "ptr", "long", "long"],
  syncfs: ["int", "int"],
});

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

/** syncfs(2): everything written to the file system of `fd` is on its disk. */
export const syncfs = (fd: Fd, subject: string): void => void done("sync", byteNameOf(subject), libc.syncfs(fd));
