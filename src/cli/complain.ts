/** What a failure prints, and the exit code that it is. */

import { sudoLine } from "../engine/record/root.ts";
import {
  explain,
  Failure,
  framesOf,
  hasCode,
  InterruptedError,
  notesOf,
  ourFailure,
  StartError,
  UsageError,
} from "../errors.ts";
import { readFileIfAny } from "../linux/file.ts";
import { versionLine } from "../version.ts";
import { advise, fail, isDebugging, notice } from "./words/print.ts";

/** Says what went wrong. @returns the exit code. */
export function complain(error: unknown, failureCode = ourFailure): number {
  const { text, hint } = explain(error);
  fail(text);
  notesOf(error).forEach(fail);
  if (error instanceof Failure && isDebugging()) framesOf(error).forEach(notice);
  if (!(error instanceof Failure) || isDebugging())
    notice(`${versionLine()}, Linux ${readFileIfAny("/proc/sys/kernel/osrelease")?.trim() ?? "unknown"}`);
  if (hint) advise(hint);
  else if (hasCode(error, "EACCES", "EPERM") && process.geteuid?.() !== 0) advise(sudoLine());
  if (error instanceof InterruptedError) return 128 + error.signal;
  if (error instanceof StartError) return error.exitCode;
  return error instanceof UsageError ? ourFailure : failureCode;
}
