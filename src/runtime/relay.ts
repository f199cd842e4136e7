/**
 * The host's side while the container lives: bytes between the caller's descriptors and the container's, signals in,
 * the end out. One blocking poll(2) loop, no event loop: it works in a forked process too.
 */

import { hasCode } from "../errors.ts";
import { read, write } from "../linux/file.ts";
import { memory } from "../linux/libc.ts";
import { type Interest, POLLIN, POLLOUT, poll, type Timer, type Watch } from "../linux/poll.ts";

/** One direction: what comes out of `from` goes into `to`, or only to who sees it. */
export interface Pump {
  from: number;
  to?: number;
  /** Called once, when `from` has no more or `to` takes no more; closes what has to be closed. */
  onEnd: (ended: "from" | "to") => void;
  /** Why `to` takes no more, if not because nobody reads: a full disk. */
  failure?: unknown;
  /** Sees what comes, before it goes on. */
  onData?: (bytes: Uint8Array) => void;
  /** True while nothing more is wanted from `from`. */
  held?: () => boolean;
  /** `to` takes any number of bytes without making us wait: a file, or a descriptor that is O_NONBLOCK. */
  neverBlocks?: boolean;
  /** Bytes read and not yet written. */
  pending?: Uint8Array;
  ended?: boolean;
}

/** A pipe takes at least this much after POLLOUT without blocking (PIPE_BUF). */
export const writeBytes = 4096;
const readBytes = 65536;

const idleMs = 100;

/**
 * Runs pumps, watches and timers until `done` says so.
 * @param idle what to do whenever nothing happened for a moment, if anything.
 */
export function relay(
  pumps: Pump[],
  watches: () => Watch[],
  timers: () => Timer[],
  done: () => boolean,
  idle: () => (() => void) | undefined,
): void {
  const buffer = memory(readBytes);
  while (!done()) {
    const live = pumps.filter((pump) => !pump.ended && (pump.pending || !pump.held?.()));
    const others = watches();
    const interests: Interest[] = [
      ...live.map(({ from, to, pending }) => (pending ? { fd: to!, events: POLLOUT } : { fd: from, events: POLLIN })),
      ...others.map(({ fd, events = POLLIN }) => ({ fd, events })),
    ];
    const rest = idle();
    const due = timers();
    const waitMs = Math.min(rest ? idleMs : Number.POSITIVE_INFINITY, untilFirst(due));
    poll(interests, waitMs === Number.POSITIVE_INFINITY ? -1 : Math.min(waitMs, longestWaitMs));
    if (rest && waitMs === idleMs && interests.every(({ happened }) => !happened)) rest();
    for (const { atMs, onTime } of due) if (atMs <= performance.now()) onTime();
    live.forEach((pump, index) => {
      if (interests[index]!.happened) move(pump, buffer);
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

/** Takes out what is still in the pipes of a container that has ended; does not wait for more. */
export function drain(pumps: Pump[]): void {
  const buffer = memory(readBytes);
  for (const pump of pumps) {
    while (!pump.ended) {
      if (!pump.pending) {
        const interest: Interest = { fd: pump.from, events: POLLIN };
        poll([interest], 0);
        if (!interest.happened) break;
      }
      move(pump, buffer);
    }
  }
}

function move(pump: Pump, buffer: Uint8Array): void {
  const bytes = readOrWrite(pump, buffer);
  if (bytes === undefined) return;
  // Somebody who keeps it longer than this call takes a copy.
  pump.onData?.(bytes);
  if (pump.to !== undefined) pump.pending = bytes.slice();
}

/** Writes what is pending, or reads. @returns what was read, if anything was. */
function readOrWrite(pump: Pump, buffer: Uint8Array): Uint8Array | undefined {
  try {
    if (pump.pending) {
      const most = pump.neverBlocks ? pump.pending.length : writeBytes;
      const written = write(pump.to!, pump.pending.subarray(0, most));
      if (written < pump.pending.length) pump.pending = pump.pending.subarray(written);
      else delete pump.pending;
      return undefined;
    }
    const count = read(pump.from, buffer);
    if (count > 0) return buffer.subarray(0, count);
    end(pump, "from");
  } catch (error) {
    // Somebody else filled the pipe first.
    if (hasCode(error, "EAGAIN")) return undefined;
    // EIO is how a pty's master says that the last slave was closed; EPIPE that nobody reads what we write.
    if (!hasCode(error, "EIO", "EPIPE", "ECONNRESET")) pump.failure = error;
    end(pump, pump.pending ? "to" : "from");
  }
  return undefined;
}

function end(pump: Pump, ended: "from" | "to"): void {
  pump.ended = true;
  delete pump.pending;
  pump.onEnd(ended);
}
