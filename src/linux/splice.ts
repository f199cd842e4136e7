/** Bytes from socket to socket that stay in the kernel: splice(2) by way of a pipe(7). */

import { EINTR } from "./errno.ts";
import { type Fd, O_CLOEXEC } from "./file.ts";
import { bind, readErrno } from "./libc.ts";
import type { Pipe } from "./poll.ts";

const libc = bind({
  splice: ["long", "int", "ptr", "int", "ptr", "long", "int"],
  pipe2: ["int", "ptr", "int"],
  fcntl: ["int", "int", "int", "long"],
});

const SPLICE_F_MOVE = 1;
const SPLICE_F_NONBLOCK = 2;
const F_SETPIPE_SZ = 1031;

/** What a pipe holds where we may have so much; 64 KiB otherwise. */
export const spliceBytes = 1 << 20;

/** A pipe to splice through, or undefined where there are no descriptors left. */
export function openSplicePipe(): Pipe | undefined {
  const fds = new Int32Array(new ArrayBuffer(8));
  if (libc.pipe2(fds, O_CLOEXEC) === -1) return undefined;
  const [read, write] = fds as unknown as [Fd, Fd];
  libc.fcntl(write, F_SETPIPE_SZ, spliceBytes);
  return { read, write };
}

/** splice(2) without waiting: how many bytes were moved, 0 at the end of a stream, or an errno below zero. */
export function splice(from: number, to: number, bytes: number): number {
  for (;;) {
    const moved = libc.splice(from, null, to, null, bytes, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (moved !== -1) return moved;
    const errno = readErrno();
    if (errno !== EINTR) return -errno;
  }
}
