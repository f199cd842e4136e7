/** A question to the person at the terminal, before something that can't be undone. */

import { writeAll } from "../../linux/file.ts";
import { readLine } from "./line.ts";

/** Asks on stderr and reads a line of stdin, which may be a pipe (`echo y | ...`). Only y and yes mean yes. */
export function confirm(warning: string): boolean {
  writeAll(2, new TextEncoder().encode(`WARNING! ${warning}\nAre you sure you want to continue? [y/N] `));
  return /^y(es)?$/i.test(readLine(80).trim());
}
