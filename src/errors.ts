/** The failures tinydocker can explain to a person: what failed, on what, why, and what to do about it. */

/** "125 means us": a container's program can hardly end with it. */
export const ourFailure = 125;

/** A failure somebody expected: its message is for people, without a stack. */
export class Failure extends Error {
  /** One sentence that says what to do, when there is one to give. */
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.name = new.target.name;
    this.hint = hint;
  }
}

/** The command line is wrong: nothing was touched. */
export class UsageError extends Failure {}

/** The image, container, file or program asked for does not exist. */
export class NotFoundError extends Failure {}

/** The name is taken, or the object is in use. */
export class ConflictError extends Failure {}

/** Input from outside (a tar, a manifest, a config file) breaks its format or its promises. */
export class InvalidError extends Failure {}

/** What we keep of an object on disk is damaged, or written by a newer version: that object's trouble, and of no other. */
export class DamagedError extends InvalidError {}

/** This host lacks something that was asked of it (a controller, a kernel feature, root). */
export class UnsupportedError extends Failure {}

/** A system call answered with an errno. Reads `cannot mount proc on /proc: EPERM (operation not permitted)`. */
export class SyscallError extends Failure {
  constructor(
    /** Name of the call's man page. */
    readonly syscall: string,
    /** What the call was applied to, in words: `proc on /proc`. */
    readonly subject: string,
    /** Symbolic errno: `EPERM`. */
    readonly code: string,
    /** The meaning of the errno, in words. */
    readonly reason: string,
    hint?: string,
  ) {
    super(`cannot ${syscall}${subject && ` ${subject}`}: ${code} (${reason})`, hint);
  }

  /** The same failure, with advice from somebody who knows what the call was for. */
  withHint(hint: string): SyscallError {
    return new SyscallError(this.syscall, this.subject, this.code, this.reason, hint);
  }
}

/** The user pressed Ctrl-C, or somebody sent a signal: what was begun has been undone. The shell expects 128 + n. */
export class InterruptedError extends Failure {
  constructor(
    message: string,
    /** Its number. */
    readonly signal: number,
  ) {
    super(message);
  }
}

/** The container's init could not become the program. */
export class StartError extends Failure {
  constructor(
    message: string,
    hint: string | undefined,
    /** 127: no such program; 126: it can't be executed; 125: a step before it failed; 137: it was killed before. */
    readonly exitCode: 125 | 126 | 127 | 137,
  ) {
    super(message, hint);
  }
}

/** True for a system call that failed with one of these errnos. */
export function hasCode(error: unknown, ...codes: string[]): error is SyscallError {
  return error instanceof SyscallError && codes.includes(error.code);
}

/** True for a file system, or the part of it that we may use, that is full. */
export const isFull = (error: unknown): error is SyscallError => hasCode(error, "ENOSPC", "EDQUOT");

const readOnlyHint =
  "that file system is read-only: what there is can be seen and stopped (ps, logs, stop, kill), and nothing be written";
const fullHint = "that file system is full; `tinydocker system df` shows what takes room, `system prune` makes some";

const notes = new WeakMap<object, string[]>();

/** Notes beside a failure what went wrong because of it, such as an undo that failed: it is said too, and replaces nothing. */
export function addNote(error: unknown, text: string): void {
  if (typeof error !== "object" || error === null) return;
  notes.set(error, [...notesOf(error), text]);
}

/** What else went wrong, the first first. */
export const notesOf = (error: unknown): string[] =>
  (typeof error === "object" && error !== null && notes.get(error)) || [];

/** What to print for a failure: the text, and the hint if there is one. Anything that is not a Failure is a bug of ours and keeps its stack. */
export function explain(error: unknown): { text: string; hint?: string } {
  if (error instanceof Failure) {
    const hint = error.hint ?? hintOf(error);
    return hint === undefined ? { text: error.message } : { text: error.message, hint };
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return {
    text: `internal error: ${withoutNames(stack)}`,
    hint: "this is a bug in tinydocker: please report these lines, and the command that you ran",
  };
}

function hintOf(error: Failure): string | undefined {
  // That leads where the caller wants, and seldom to where we keep things.
  if (error instanceof SyscallError && error.subject === "stdout") return undefined;
  return isFull(error) ? fullHint : hasCode(error, "EROFS") ? readOnlyHint : undefined;
}

/** Where in our source a failure was thrown, and who called, the last first. */
export const framesOf = ({ stack = "" }: Error): string[] => withoutNames(stack).match(/^ +at .*/gm) ?? [];

/** Where each frame was, in our source (the build adds the map); the names of functions are letters by then. */
const withoutNames = (stack: string): string => stack.replace(/^( +at ).*\((.+)\)$/gm, "$1$2");
