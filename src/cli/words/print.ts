/** What people see: results on stdout, everything else on stderr, both written at once (nothing is lost at exit). */

import { Failure, hasCode, SyscallError } from "../../errors.ts";
import { type ByteName, textOf } from "../../linux/byte-name.ts";
import { type Fd, writeAll } from "../../linux/file.ts";
import { isatty } from "../../linux/tty.ts";

import { turning } from "./template/direction.ts";

const encoder = new TextEncoder();

/** A line of results with a name of a file, whose bytes need not be text: a program gets them as they are. */
export function printName(before: string, name: ByteName): void {
  if (isatty(1)) printLine(`${before}${plain(textOf(name))}`);
  else writeBytes(1, Buffer.from(`${before}${name}\n`, "latin1"));
}

/** A line of results on stdout. */
export const printLine = (text: string): void => print(1, `${text}\n`);

/** Lines that are ours from the first to the last character, with styles (`bold`); or that were cleaned where they are not. */
export const printStyled = (text: string): void => write(1, `${text}\n`);

/** Results on stdout, as they are. */
export const printText = (text: string): void => print(1, text);

/** A line for people or programs that is no message of ours, on stderr. */
export const printError = (text: string): void => print(2, `${text}\n`);

/** A failure, on stderr. */
export const fail = (text: string): void => speak().error(text);

/** What to do about a failure, on stderr; part of what is said of it. */
export const advise = (text: string): void => say(`hint: ${text}`);

/** A warning, on stderr. */
export const warn = (text: string): void => speak().warn(text);

/** A line for people that is no trouble, on stderr. */
export const notice = (text: string): void => speak().info(text);

/** How much is said on stderr; Docker's words. */
export const levels = ["debug", "info", "warn", "error", "fatal"] as const;
type Level = (typeof levels)[number];
let level: Level = "info";

/** Says no more than this from now on. */
export function showLevel(wanted: Level): void {
  level = wanted;
}

/** True for somebody who wants to know where in our source a failure comes from. */
export const isDebugging = (): boolean => level === "debug";

/** consola's. */
const levelNumbers: Record<Level, number> = { debug: 4, info: 3, warn: 1, error: 0, fatal: 0 };

let consola: import("consola/core").ConsolaInstance | undefined;

/** consola's core, with one reporter that writes at once; loaded when there is something to say (1 ms). */
function speak() {
  if (consola) return consola;
  const { createConsola } = require("consola/core") as typeof import("consola/core");
  consola = createConsola({
    level: levelNumbers[level],
    reporters: [
      {
        log: ({ type, args }) => {
          const label = type === "warn" ? "warning: " : "";
          say(`${label}${args.join(" ")}`, type);
        },
      },
    ],
  });
  return consola;
}

const say = (text: string, type = "info"): void => write(2, `${paint("tinydocker:", type)} ${harmless(text)}\n`);

/** What who leaves a terminal with something is told; that is in the middle of a line. */
export function sayDetached(what: string): void {
  if (isatty(2)) write(2, "\n");
  notice(`detached: ${what} keeps running`);
}

/** In red for errors and yellow for warnings, for people at a terminal. */
function paint(text: string, type: string): string {
  const color = { error: 31, warn: 33 }[type];
  return color && isatty(2) ? styled(text, color) : text;
}

/** In bold, for a terminal. */
export const bold = (text: string): string => styled(text, 1);

/** As it is for those who said NO_COLOR, and for terminals that know no colours. @see https://no-color.org */
const styled = (text: string, code: number): string =>
  process.env.NO_COLOR || process.env.TERM === "dumb" ? text : `\u001b[${code}m${text}\u001b[0m`;

/** A terminal obeys what it is sent, and names and paths are a stranger's; a program gets them as they are. */
const print = (fd: Fd, text: string): void => write(fd, isatty(fd) ? harmless(text) : text);

const write = (fd: Fd, text: string): void => writeBytes(fd, encoder.encode(text));

function writeBytes(fd: Fd, bytes: Uint8Array): void {
  try {
    writeAll(fd, bytes);
  } catch (error) {
    // Nobody reads, or the descriptor is closed: there is nobody to tell either.
    if (hasCode(error, "EPIPE", "EBADF")) return;
    // What can't be said is not said: the exit code tells.
    if (fd === 2 && error instanceof SyscallError) return;
    if (fd !== 1 || !lost || !(error instanceof SyscallError)) throw error;
    lost.error ??= error;
  }
}

/** While work goes on though stdout does not take its results: what was the matter. */
let lost: { error?: SyscallError } | undefined;

/**
 * From now on a line that stdout does not take stops nothing: the rest of the work does not depend on it.
 * @returns what tells of it once the work is done, and makes the exit code of it.
 */
export function workOnWithoutStdout(): (code: number) => number {
  const here: typeof lost = {};
  lost = here;
  return (code) => {
    lost = undefined;
    if (!here.error) return code;
    const done = code === 0 ? "everything is done all the same" : "what is not told of above is done all the same";
    fail(`${here.error.message}: ${done}`);
    return Math.max(code, 1);
  };
}

/** Prints the results of what is done and stays so. @param what is so, as said to who can't be told otherwise: "x is created". */
export function printDone(what: string, print: () => void): void {
  try {
    print();
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    throw new Failure(`${what}, but ${error.message}`);
  }
}

const inLines = new RegExp(String.raw`[\0-\x08\x0b-\x1f\x7f-\x9f${turning}]`, "g");
const anywhere = new RegExp(String.raw`[\0-\x1f\x7f-\x9f${turning}]`, "g");

/** Text in lines and columns, without what could command a terminal or turn its text around (docs/security.md R39). */
export const harmless = (text: string): string => text.replace(inLines, "?");

/** Text from outside, in one line, without what could command a terminal or turn its text around (docs/security.md R39). */
export const plain = (text: string): string => text.replace(anywhere, "?");

/** Bytes for people: 4.2MB, as Docker prints them (powers of 1000). */
export function humanSize(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1000;
  return `${Number(value.toPrecision(3))}${units[unit]}`;
}

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** A time span for people, in Docker's words: "45 seconds", "About a minute", "3 hours", "2 weeks". */
export function humanDuration(ms: number): string {
  const counted = (size: number, unit: string) => {
    const count = Math.floor(ms / size);
    return `${count} ${unit}${count === 1 ? "" : "s"}`;
  };
  if (ms < 1000) return "Less than a second";
  if (ms < minuteMs) return counted(1000, "second");
  if (ms < 2 * minuteMs) return "About a minute";
  if (ms < hourMs) return counted(minuteMs, "minute");
  if (ms < 1.5 * hourMs) return "About an hour";
  // As Docker, which rounds hours and nothing else.
  if (ms < 2 * dayMs) return counted(hourMs, "hour").replace(/^\d+/, String(Math.round(ms / hourMs)));
  if (ms < 14 * dayMs) return counted(dayMs, "day");
  if (ms < 60 * dayMs) return counted(7 * dayMs, "week");
  if (ms < 730 * dayMs) return counted(30 * dayMs, "month");
  return counted(365 * dayMs, "year");
}

/** How long ago, for people: "3 minutes ago". */
export const humanAge = (iso: string, now = Date.now()): string => `${humanDuration(now - Date.parse(iso))} ago`;

/** A time as Docker's CreatedAt has it: `2024-01-02 03:04:05 +0000 UTC`, in the caller's time zone. */
export function localTime(iso: string): string {
  const date = new Date(iso);
  const minutes = -date.getTimezoneOffset();
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
  const offset = `${minutes < 0 ? "-" : "+"}${two(Math.abs(minutes) / 60)}${two(Math.abs(minutes) % 60)}`;
  const zone = new Intl.DateTimeFormat("en-US", { timeZoneName: "short" }).formatToParts(date);
  const name = zone.find(({ type }) => type === "timeZoneName")?.value ?? "";
  const shifted = new Date(date.getTime() + minutes * minuteMs).toISOString();
  return `${shifted.slice(0, 10)} ${shifted.slice(11, 19)} ${offset} ${name}`;
}
