/** The memory that this process has: proc_pid_maps(5), madvise(2). */

import { readFile } from "./file.ts";
import { bind, check } from "./libc.ts";

const libc = bind({ madvise: ["int", "long", "long", "int"] });

const MADV_DONTNEED = 4;

/** Lets go of the pages of programs and libraries that we have touched. Each comes back from its file when it is used again. */
export function dropProgramText(): void {
  for (const line of readFile("/proc/self/maps").split("\n")) {
    // Of a file, and never written to: nothing but the file has what is in it.
    const [, start, end] = /^(\w+)-(\w+) r-xp .*\//.exec(line) ?? [];
    if (start === undefined || end === undefined) continue;
    const from = Number.parseInt(start, 16);
    check("madvise", "our own text", libc.madvise(from, Number.parseInt(end, 16) - from, MADV_DONTNEED));
  }
}
