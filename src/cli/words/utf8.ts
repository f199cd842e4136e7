/**
 * Words, variables and files that are not UTF-8. Decoded they would be another text, with U+FFFD for what was not understood, and
 * so the name of another file: they are refused. The kernel still has the bytes (proc_pid_cmdline(5), proc_pid_environ(5)).
 * Loaded when there is a U+FFFD.
 */

import { UsageError } from "../../errors.ts";
import { readBytes } from "../../linux/file.ts";

const hint = "names and values have to be UTF-8 here: rename the file (convmv), convert the text (iconv)";

/** Refuses a command line with such a word. One that really has a U+FFFD in it is fine. */
export function checkWords(argv: readonly string[]): void {
  const words = split(readBytes("/proc/self/cmdline")).slice(-argv.length);
  const wrong = words.findIndex((bytes) => !isUtf8(bytes));
  if (wrong >= 0) throw new UsageError(`argument ${wrong + 1} is not UTF-8: ${shown(words[wrong]!)}`, hint);
}

/** Refuses a variable of the caller's. */
export function checkVariable(option: string, name: string): void {
  const entry = split(readBytes("/proc/self/environ")).find((bytes) => decode(bytes).startsWith(`${name}=`));
  if (entry && !isUtf8(entry))
    throw new UsageError(`${option}: the variable ${name} is not UTF-8: ${shown(entry)}`, hint);
}

/** Refuses a file that somebody names to be read. @param bytes what it has. */
export function checkFile(option: string, path: string, bytes: Uint8Array): void {
  const lines = split(bytes, lineFeed);
  const wrong = lines.findIndex((line) => !isUtf8(line));
  if (wrong >= 0)
    throw new UsageError(`${option} ${path}, line ${wrong + 1}: not UTF-8: ${shown(lines[wrong]!)}`, hint);
}

const lineFeed = 10;

function split(bytes: Uint8Array, end = 0): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const next = bytes.indexOf(end, at);
    const to = next < 0 ? bytes.length : next;
    parts.push(bytes.subarray(at, to));
    at = to + 1;
  }
  return parts;
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** As a shell takes it, with all that is not plain ASCII as `\xNN`. */
const shown = (bytes: Uint8Array): string =>
  `$'${[...bytes.subarray(0, 200)]
    .map((byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`))
    .join("")
    .replaceAll("'", "\\'")}'`;
