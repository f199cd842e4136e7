/** What people see: results on stdout, everything else on stderr, both written at once (nothing is lost at exit). */

import { createConsola } from "consola/core";
import { hasCode } from "../errors.ts";
import { writeAll } from "../linux/file.ts";
import { isatty } from "../linux/tty.ts";

const encoder = new TextEncoder();

/** A line of results on stdout. */
export const printLine = (text: string): void => print(1, `${text}\n`);

/** A failure, on stderr. */
export const fail = (text: string): void => speak().error(text);

/** What to do about a failure, on stderr. */
export const advise = (text: string): void => speak().info(`hint: ${text}`);

/** A warning, on stderr. */
export const warn = (text: string): void => speak().warn(text);

/** A line for people that is no trouble, on stderr. */
export const notice = (text: string): void => speak().info(text);

let consola: ReturnType<typeof createConsola> | undefined;

/** consola's core, with one reporter that writes at once; made when there is something to say (0.4 ms). */
function speak() {
  consola ??= createConsola({
    reporters: [
      {
        log: ({ type, args }) => {
          const label = type === "warn" ? "warning: " : "";
          print(2, `${paint("tinydocker:", type)} ${label}${args.join(" ")}\n`);
        },
      },
    ],
  });
  return consola;
}

/** In red for errors and yellow for warnings, for people at a terminal who did not say NO_COLOR. */
function paint(text: string, type: string): string {
  const color = { error: 31, warn: 33 }[type];
  return color && isatty(2) && !process.env.NO_COLOR ? `\u001b[${color}m${text}\u001b[0m` : text;
}

function print(fd: number, text: string): void {
  try {
    writeAll(fd, encoder.encode(text));
  } catch (error) {
    // Nobody reads, or the descriptor is closed: there is nobody to tell either.
    if (!hasCode(error, "EPIPE", "EBADF")) throw error;
  }
}

/** Rows under their headings, each column as wide as its widest cell. */
export function printTable(headings: string[], rows: string[][]): void {
  const widths = headings.map((heading, column) => Math.max(heading.length, ...rows.map((row) => row[column]!.length)));
  for (const row of [headings, ...rows]) {
    printLine(
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join("   ")
        .trimEnd(),
    );
  }
}

/** Text from outside, without the control characters that could command a terminal (SECURITY R39). */
export const plain = (text: string): string => text.replace(/[\u0000-\u001f\u007f-\u009f]/g, "?");

/** Bytes for people: 4.2MB, as Docker prints them (powers of 1000). */
export function humanSize(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1000;
  return `${Number(value.toPrecision(3))}${units[unit]}`;
}

/** How long ago, for people: "3 minutes ago". */
export function humanAge(iso: string, now = Date.now()): string {
  const seconds = Math.max(0, Math.floor((now - Date.parse(iso)) / 1000));
  const steps: [number, string][] = [
    [60, "second"],
    [60, "minute"],
    [24, "hour"],
    [7, "day"],
    [4.35, "week"],
    [12, "month"],
    [Number.POSITIVE_INFINITY, "year"],
  ];
  let value = seconds;
  for (const [size, unit] of steps) {
    if (value < size) return `${Math.floor(value)} ${unit}${Math.floor(value) === 1 ? "" : "s"} ago`;
    value /= size;
  }
  return "long ago";
}
