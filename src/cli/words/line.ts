/** A line that a person types, or a program pipes. */

import { read } from "../../linux/file.ts";
import { memory } from "../../linux/libc.ts";

/** A line of stdin, with its newline if it has one. What comes behind maxBytes, or after the newline in one read, is not part of a question. */
export function readLine(maxBytes: number): string {
  const line = memory(maxBytes);
  let length = 0;
  while (length < line.length && !line.subarray(0, length).includes(0x0a)) {
    const count = read(0, line.subarray(length));
    if (count === 0) break;
    length += count;
  }
  return new TextDecoder().decode(line.subarray(0, length));
}
