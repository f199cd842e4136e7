/** What happened to containers, images, volumes and networks, one line of JSON each; on the way of every run, so it costs little. */

import { realTime } from "../../linux/clock.ts";
import { type Fd, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_WRONLY, open, owned, write } from "../../linux/file.ts";
import { flock } from "../../linux/flock.ts";
import { rename } from "../../linux/names.ts";
import { fstat, stat } from "../../linux/stat.ts";
import type { Paths } from "../../paths.ts";
import { formatRecord, kindOf, map, number, oneOf, optional, text } from "../../schema.ts";

export const eventTypes = ["container", "image", "network", "volume"] as const;

export interface Event {
  type: (typeof eventTypes)[number];
  /** As Docker calls it: `create`, `start`, `die`, `load`, `tag`, `untag`, `delete`. */
  action: string;
  /** Of the container or image; the name of a volume. */
  id: string;
  /** What Docker tells of it: `name`, `image`, `exitCode`, and the labels. */
  attributes: Record<string, string>;
}

/** An event as it stands in the log. */
export interface RecordedEvent extends Event {
  /** Milliseconds since 1970. */
  timeMs: number;
  /** Since that millisecond; 0 in logs of older versions. */
  nanoseconds?: number;
}

/** A line of the log. */
export const eventKind = kindOf<RecordedEvent>({
  type: oneOf(...eventTypes),
  action: text,
  id: text,
  attributes: map(text),
  timeMs: number,
  nanoseconds: optional(number),
});

/** The log is two files: when this one is full it becomes the other. */
export const logFile = (paths: Paths): string => `${paths.root}/events.log`;
export const olderLogFile = (paths: Paths): string => `${paths.root}/events.log.1`;

const fullBytes = 8 << 20;
/** A line longer than this loses its labels. */
const longestLine = 64 << 10;
const ownAttributes = ["name", "image", "exitCode", "signal", "oldName"];

/**
 * Adds an event to the log. One write(2) at the end of a file is never torn apart by another. Never fails: what is to be
 * told has happened, whether it can be told or not.
 */
export function recordEvent(paths: Paths, event: Event): void {
  try {
    using log = owned(open(logFile(paths), O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600));
    write(log.fd, new TextEncoder().encode(lineOf({ ...event, ...now() })));
    if (fstat(log.fd).size >= fullBytes) rotate(paths, log.fd);
  } catch {
    // A full disk, or no state root: nobody can be told.
  }
}

function now(): Pick<RecordedEvent, "timeMs" | "nanoseconds"> {
  const { seconds, nanoseconds } = realTime();
  return { timeMs: seconds * 1000 + Math.floor(nanoseconds / 1e6), nanoseconds: nanoseconds % 1e6 };
}

/** A prune is over. @param bytes that it made room for. */
export const recordPrune = (paths: Paths, type: Event["type"], bytes: number): void =>
  recordEvent(paths, { type, action: "prune", id: "", attributes: { reclaimed: String(bytes) } });

function lineOf(event: RecordedEvent): string {
  const line = `${formatRecord(eventKind, event)}\n`;
  if (line.length <= longestLine) return line;
  const own = Object.entries(event.attributes).filter(([name]) => ownAttributes.includes(name));
  const short = own.map(([name, value]) => [name, value.slice(0, 1000)]);
  return `${formatRecord(eventKind, { ...event, attributes: Object.fromEntries(short) })}\n`;
}

/** Of many who find the log full, the one who locks it first renames it; the others then find another file in its place. */
function rotate(paths: Paths, log: Fd): void {
  flock(log, { wait: true });
  if (stat(logFile(paths)).ino === fstat(log).ino) rename(logFile(paths), olderLogFile(paths));
}
