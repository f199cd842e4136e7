/**
 * The host's side while the container lives: bytes between the caller's descriptors and the container's, signals in,
 * the end out. One poll(2) loop, no event loop: it works in a forked process too.
 *
 * It waits in poll(2) alone. A pump holds one block at most, and waits either for its source or for its destination; what
 * it reads and writes never blocks (linux/nonblocking.ts), so that no direction is kept waiting by another one.
 */

import { hasCode } from "../errors.ts";
import { type Fd, read, write } from "../linux/file.ts";
import { memory } from "../linux/libc.ts";
import { type Interest, POLLIN, POLLOUT, poll, type Timer, type Watch } from "../linux/poll.ts";

/** One direction: what comes out of `from` goes into `to`, or only to who sees it. */
export interface Copy {
  from: Fd;
  /** Reads from `from`; read(2) if not given. May throw EAGAIN. */
  read?: (into: Uint8Array) => number;
  to?: Fd;
  /** Writes to `to` without waiting, and may throw EAGAIN; if not given, write(2) of what a pipe takes after POLLOUT. */
  write?: (bytes: Uint8Array) => number;
  /** Called once, when `from` has no more or `to` takes no more; closes what has to be closed. */
  onEnd: (ended: "from" | "to") => void;
  /** Why `to` takes no more, if not because nobody reads: a full disk. */
  failure?: unknown;
  /** Sees what comes, before it goes on. */
  onData?: (bytes: Uint8Array) => void;
  /** Into the container: of no use when that has ended. */
  inward?: boolean;
  /** True while nothing more is wanted from `from`. */
  held?: () => boolean;
  /** Bytes read and not yet written. */
  pending?: Uint8Array;
  ended?: boolean;
}

/** A pipe takes at least this much after POLLOUT without blocking (PIPE_BUF). */
const writeBytes = 4096;
const readBytes = 65536;
/** What was read lies here until something else is: one for all copies of this process. */
let buffer: Uint8Array<ArrayBuffer> | undefined;

const idleMs = 100;

/**
 * Runs copies, watches and timers until `done` says so.
 * @param idle what to do whenever nothing happened for a moment, if anything.
 */
export function relay(
  copies: Copy[],
  watches: () => Watch[],
  timers: () => Timer[],
  done: () => boolean,
  idle: () => (() => void) | undefined,
): void {
  while (!done()) {
    const live = copies.filter((copy) => !copy.ended && (copy.pending || !copy.held?.()));
    const others = watches();
    const interests: Interest[] = [
      ...live.map(interestOf),
      ...others.map(({ fd, events = POLLIN }) => ({ fd, events })),
    ];
    const rest = idle();
    const due = timers();
    const waitMs = Math.min(rest ? idleMs : Number.POSITIVE_INFINITY, untilFirst(due));
    poll(interests, waitMs === Number.POSITIVE_INFINITY ? -1 : Math.min(waitMs, longestWaitMs));
    if (rest && waitMs === idleMs && interests.every(({ happened }) => !happened)) rest();
    for (const { atMs, onTime } of due) if (atMs <= performance.now()) onTime();
    live.forEach((copy, index) => {
      if (interests[index]!.happened) move(copy);
    });
    others.forEach(({ onReady }, index) => {
      if (interests[live.length + index]!.happened) onReady();
    });
  }
}

/** poll(2) takes an int. */
const longestWaitMs = 2 ** 31 - 1;

/** Whole milliseconds, rounded up: woken a little too early, we would ask again and again. */
const untilFirst = (timers: Timer[]): number =>
  Math.max(0, Math.ceil(Math.min(...timers.map(({ atMs }) => atMs)) - performance.now()));

const interestOf = ({ from, to, pending }: Copy): Interest =>
  pending ? { fd: to!, events: POLLOUT } : { fd: from, events: POLLIN };

/** As much as a pipe can be made to hold (/proc/sys/fs/pipe-max-size). */
const maxDrainBytes = 1 << 20;

/**
 * Takes out what is still in the pipes of a container that has ended, and waits for nobody: what comes after a pipe's
 * capacity was written by somebody who has outlived the container. `deliver` writes it.
 */
export function drain(copies: Copy[]): void {
  for (const copy of copies) {
    if (copy.inward) {
      copy.ended = true;
      delete copy.pending;
      continue;
    }
    const parts = copy.pending ? [copy.pending] : [];
    delete copy.pending;
    for (let left = maxDrainBytes; left > 0 && !copy.ended && isReady({ fd: copy.from, events: POLLIN }); ) {
      left -= move(copy);
      if (copy.pending) parts.push(copy.pending);
      delete copy.pending;
    }
    if (parts.length > 0) copy.pending = Buffer.concat(parts);
  }
}

function isReady(interest: Interest): boolean {
  poll([interest], 0);
  return interest.happened !== 0;
}

/**
 * Writes what is left, and waits for those who are to read it.
 * @param interrupt a descriptor, and what to do when there is something to read: true ends the waiting.
 */
export function deliver(copies: Copy[], interrupt: { fd: Fd; onReady: () => boolean }): void {
  for (;;) {
    const full = copies.filter(({ pending }) => pending);
    if (full.length === 0) return;
    const interests = [...full.map(interestOf), { fd: interrupt.fd, events: POLLIN, happened: 0 }];
    poll(interests);
    full.forEach((copy, index) => {
      if (interests[index]!.happened) move(copy);
    });
    if (interests.at(-1)!.happened && interrupt.onReady()) return;
  }
}

/** @returns how many bytes were read. */
function move(copy: Copy): number {
  const bytes = readOrWrite(copy);
  if (bytes === undefined) return 0;
  // Somebody who keeps it longer than this call takes a copy.
  copy.onData?.(bytes);
  if (copy.to !== undefined) copy.pending = bytes.slice();
  return bytes.length;
}

/** Writes what is pending, or reads. @returns what was read, if anything was. */
function readOrWrite(copy: Copy): Uint8Array | undefined {
  try {
    if (copy.pending) {
      const { to, write: put = (bytes) => write(to!, bytes.subarray(0, writeBytes)) } = copy;
      const written = put(copy.pending);
      if (written < copy.pending.length) copy.pending = copy.pending.subarray(written);
      else delete copy.pending;
      return undefined;
    }
    buffer ??= memory(readBytes);
    const count = copy.read ? copy.read(buffer) : read(copy.from, buffer);
    if (count > 0) return buffer.subarray(0, count);
    end(copy, "from");
  } catch (error) {
    // Somebody else was first to fill the pipe, or to empty it.
    if (hasCode(error, "EAGAIN")) return undefined;
    // EIO is how a pty's master says that the last slave was closed; EPIPE that nobody reads what we write.
    if (!hasCode(error, "EIO", "EPIPE", "ECONNRESET")) copy.failure = error;
    end(copy, copy.pending ? "to" : "from");
  }
  return undefined;
}

function end(copy: Copy, ended: "from" | "to"): void {
  delete copy.pending;
  // What was left of one that has no more to come was not taken.
  if (copy.ended) return;
  copy.ended = true;
  copy.onEnd(ended);
}
