/** A question to the person at the terminal, before something that can't be undone. */

import { read, writeAll } from "../../linux/file.ts";
import { memory } from "../../linux/libc.ts";

/** Asks on stderr and reads a line of stdin, which may be a pipe (`echo y | ...`). Only y and yes mean yes. */
export function confirm(warning: string): boolean {
  writeAll(2, new TextEncoder().encode(`WARNING! ${warning}\nAre you sure you want to continue? [y/N] `));
  const line = memory(80);
  let length = 0;
  while (length < line.length && !line.subarray(0, length).includes(0x0a)) {
    const count = read(0, line.subarray(length));
    if (count === 0) break;
    length += count;
  }
  return /^y(es)?$/i.test(new TextDecoder().decode(line.subarray(0, length)).trim());
}
