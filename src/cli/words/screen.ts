/** Text that is drawn again in its own place on a terminal: no flicker, and nothing to give back at Ctrl-C. Pure. */

import type { Size } from "../../linux/tty.ts";

const clearLine = "\u001b[K";
const clearBelow = "\u001b[J";
const clearScreen = "\u001b[2J\u001b[H";
const up = (lines: number): string => (lines > 0 ? `\u001b[${lines}A\r` : "\r");

/**
 * Each text takes the place of the one before, in one write: line by line, each cleared only behind what is new, and cut to
 * the terminal, whose size may change. The cursor stays below.
 * @param write @returns what the write returned.
 */
export function draw<Result>(write: (text: string) => Result, sizeOf: () => Size): (text: string) => Result {
  let drawn = 0;
  let last: Size | undefined;
  return (text) => {
    const size = sizeOf();
    const lines = fit(text, size);
    // A terminal that was made narrower has broken our lines in two: nobody knows how many there are.
    const changed = last && (last.columns !== size.columns || last.rows !== size.rows);
    const home = changed ? clearScreen : up(drawn);
    last = size;
    drawn = lines.length;
    return write(home + lines.map((line) => `${line}${clearLine}\n`).join("") + clearBelow);
  };
}

/** A terminal that does not know its size says 0. */
const usual: Size = { rows: 24, columns: 80 };

/** The lines that have room, and of each what has. */
function fit(text: string, { rows, columns }: Size): string[] {
  const lines = text.replace(/\n$/, "").split("\n");
  const room = (rows || usual.rows) - 1;
  const shown = lines.length > room ? [...lines.slice(0, room - 1), `and ${lines.length - room + 1} more`] : lines;
  return shown.map((line) => [...line].slice(0, columns || usual.columns).join(""));
}
