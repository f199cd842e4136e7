/** Where a sparse file has content: lseek(2) with SEEK_DATA and SEEK_HOLE. */

import { EINVAL, ENXIO } from "../errno.ts";
import type { Fd } from "../file.ts";
import { allow, bind } from "../libc.ts";

const libc = bind({ lseek: ["long", "int", "long", "int"] });

const SEEK_DATA = 3;
const SEEK_HOLE = 4;

/**
 * The pieces of an open file that are no holes, ascending: `[offset, length, offset, length, ...]`.
 * A file system that knows nothing of holes says that all of it is content.
 */
export function dataRanges(fd: Fd, size: number, subject: string): number[] {
  const ranges: number[] = [];
  for (let at = 0; at < size; ) {
    // ENXIO: nothing but a hole from here on.
    const start = allow([ENXIO, EINVAL], "seek", subject, libc.lseek(fd, at, SEEK_DATA));
    if (start === -1 || start >= size) break;
    const hole = allow([ENXIO, EINVAL], "seek", subject, libc.lseek(fd, start, SEEK_HOLE));
    const end = hole === -1 ? size : Math.min(hole, size);
    ranges.push(start, end - start);
    at = end;
  }
  return ranges;
}
