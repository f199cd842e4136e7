/** What a failure of the OCI runtime prints and logs. Callers read the log: the last line is what they tell their users. */

import { explain, type Failure, notesOf } from "../../errors.ts";
import { O_APPEND, O_CREAT, O_WRONLY, withFile, writeAll } from "../../linux/file.ts";
import { printError } from "../words/print.ts";

export interface LogOptions {
  /** Absent: stderr alone. */
  path?: string;
  format: "text" | "json";
}

/** Says what went wrong, on stderr and in the log. @returns the exit code. */
export function complain(error: unknown, log: LogOptions, code: number): number {
  const { text, hint } = explain(error);
  const lines = [...notesOf(error), hint === undefined ? text : `${text} (${hint})`];
  for (const line of lines) report("error", line, log);
  return code;
}

/**
 * One line, as logrus writes it (runc), in the log if there is one. An error is said on stderr, too, without the name of the
 * program, which engines put before it; other lines only where there is no log, as stderr may be the container's.
 */
export function report(level: "error" | "warning" | "debug", text: string, { path, format }: LogOptions): void {
  const time = new Date().toISOString().replace(/\.\d+Z$/, "Z");
  const line =
    format === "json"
      ? JSON.stringify({ level, msg: text, time })
      : `time="${time}" level=${level} msg=${JSON.stringify(text)}`;
  if (level === "error" || path === undefined)
    printError(format === "json" && path === undefined ? line : level === "error" ? text : `${level}: ${text}`);
  if (path === undefined) return;
  try {
    withFile(path, O_WRONLY | O_CREAT | O_APPEND, (fd) => writeAll(fd, new TextEncoder().encode(`${line}\n`)), 0o644);
  } catch (failure) {
    printError((failure as Failure).message);
  }
}
