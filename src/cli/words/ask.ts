/** Questions to the person at the terminal: a line, seen as it is typed or not. */

import { Failure, InterruptedError, UsageError } from "../../errors.ts";
import { read, writeAll } from "../../linux/file.ts";
import { memory } from "../../linux/libc.ts";
import { getModes, isatty, rawModes, restoreModes, setModes } from "../../linux/tty.ts";
import { readLine } from "./line.ts";

const encoder = new TextEncoder();
const maxBytes = 64 << 10;

/** @throws UsageError where nobody sits at stdin. @param hint what to do there */
export function askLine(question: string, hint: string): string {
  ask(question, hint);
  return readLine(4096).replace(/\r?\n$/, "");
}

function ask(question: string, hint: string): void {
  if (!isatty(0)) throw new UsageError("stdin is not a terminal, where a person could be asked", hint);
  writeAll(2, encoder.encode(question));
}

const [ctrlC, ctrlD, lineFeed, carriageReturn, ctrlU, backspace, deleteKey] = [3, 4, 10, 13, 21, 8, 127];

/** The same, and nothing of it is shown. Keys that would end us while the terminal is silent end the question. */
export function askSecret(question: string, hint: string): string {
  ask(question, hint);
  const before = getModes(0);
  setModes(0, rawModes(before));
  try {
    return readKeys();
  } finally {
    restoreModes(0, before);
    writeAll(2, encoder.encode("\n"));
  }
}

function readKeys(): string {
  const typed: number[] = [];
  const key = memory(1);
  for (;;) {
    const count = read(0, key);
    const code = key[0]!;
    if (count === 0 || code === lineFeed || code === carriageReturn || code === ctrlD) break;
    if (code === ctrlC) throw new InterruptedError("interrupted", 2);
    if (code === ctrlU) typed.length = 0;
    // A character of several bytes goes as one.
    else if (code === backspace || code === deleteKey) while (((typed.pop() ?? 0) & 0xc0) === 0x80);
    else typed.push(code);
  }
  return new TextDecoder().decode(Uint8Array.from(typed));
}

/** All of stdin but the newline at its end: for secrets that a program pipes. */
export function readPiped(): string {
  const buffer = memory(maxBytes);
  let length = 0;
  for (;;) {
    const count = read(0, buffer.subarray(length));
    if (count === 0) break;
    length += count;
    if (length === buffer.length) throw new Failure(`stdin has more than ${maxBytes >> 10} KiB: that is no password`);
  }
  return new TextDecoder().decode(buffer.subarray(0, length)).replace(/\r?\n$/, "");
}
