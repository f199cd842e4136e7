/** `tinydocker logs`: what a container has written. */

import { followLog, openLog, type Piece, readLog } from "../../engine/container/logs.ts";
import { recoverIfAllowed } from "../../engine/container/recover.ts";
import { findAnyContainer, refuseDamaged } from "../../engine/record/container.ts";
import { ConflictError, hasCode, UsageError } from "../../errors.ts";
import { writeAll } from "../../linux/file.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { parseTime, rfc3339 } from "../words/time.ts";

export default defineCommand({
  meta: { name: "logs", group: "Inspect", description: "Print the logs of a container" },
  args: {
    container: { type: "positional", required: true, description: "Container name, id, or unique id prefix" },
    follow: { type: "boolean", alias: "f", description: "Follow the output until the container exits" },
    tail: {
      type: "string",
      alias: "n",
      default: "all",
      valueHint: "lines",
      description: "Number of lines to show from the end (all)",
    },
    since: {
      type: "string",
      valueHint: "time",
      description: "Show only output since a time: 10m, or 2026-01-02T15:04:05Z",
    },
    until: { type: "string", valueHint: "time", description: "Show only output before this time" },
    timestamps: { type: "boolean", alias: "t", description: "Print the time of each line" },
  },
  examples: ["tinydocker logs -f web", "tinydocker logs -n 20 -t web"],
  run: ({ container, follow = false, tail, timestamps = false, ...when }, { root }) => {
    if (!/^(all|\d{1,12})$/.test(tail))
      throw new UsageError(`--tail: ${JSON.stringify(tail)} is not a valid number of lines`, "a number, or all");
    const now = Date.now();
    const sinceMs = when.since === undefined ? 0 : parseTime("--since", when.since, now);
    const untilMs = when.until === undefined ? Number.POSITIVE_INFINITY : parseTime("--until", when.until, now);
    const paths = pathsOf(root);
    recoverIfAllowed(paths);
    const found = findAnyContainer(paths, container);
    if (found.record.settings.log.driver === "none") refuseDamaged(paths, found);
    if (found.record.settings.log.driver === "none")
      throw new ConflictError(`container ${found.record.name} keeps no log (--log-driver none)`);
    const show = printer(timestamps);
    const log = openLog(paths, found);
    const chosen = (pieces: Iterable<Piece>) => between(pieces, sinceMs, untilMs);
    let skip = tail === "all" ? 0 : Math.max(0, countLines(chosen(readLog(log))) - Number(tail));
    try {
      for (const piece of chosen(follow ? followLog(paths, found, log) : readLog(log))) {
        const rest = skip > 0 ? skipLines(piece, skip) : { bytes: piece.bytes, skipped: 0 };
        skip -= rest.skipped;
        if (rest.bytes.length > 0) show({ ...piece, bytes: rest.bytes });
      }
    } catch (error) {
      // Nobody reads any more.
      if (!hasCode(error, "EPIPE")) throw error;
    }
    return 0;
  },
});

function* between(pieces: Iterable<Piece>, sinceMs: number, untilMs: number): Generator<Piece> {
  for (const piece of pieces) {
    if (piece.timeMs > untilMs) return;
    if (piece.timeMs >= sinceMs) yield piece;
  }
}

const newline = 10;

/** Ends of lines; a last line without one counts too. */
function countLines(pieces: Iterable<Piece>): number {
  let lines = 0;
  let open = false;
  for (const { bytes } of pieces) {
    for (let at = bytes.indexOf(newline); at >= 0; at = bytes.indexOf(newline, at + 1)) lines++;
    open = bytes.at(-1) !== newline;
  }
  return lines + (open ? 1 : 0);
}

function skipLines({ bytes }: Piece, lines: number): { bytes: Uint8Array; skipped: number } {
  let at = 0;
  let skipped = 0;
  while (skipped < lines) {
    const next = bytes.indexOf(newline, at);
    if (next < 0) return { bytes: bytes.subarray(bytes.length), skipped };
    at = next + 1;
    skipped++;
  }
  return { bytes: bytes.subarray(at), skipped };
}

const encoder = new TextEncoder();

/** Writes each piece to the stream it came from; with times, each line behind its own. */
function printer(timestamps: boolean): (piece: Piece) => void {
  if (!timestamps) return ({ stream, bytes }) => writeAll(stream, bytes);
  const atStart = { 1: true, 2: true };
  return ({ stream, timeMs, bytes }) => {
    const time = encoder.encode(`${rfc3339(timeMs)} `);
    const parts: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; ) {
      const next = bytes.indexOf(newline, at) + 1 || bytes.length;
      if (atStart[stream]) parts.push(time);
      parts.push(bytes.subarray(at, next));
      atStart[stream] = bytes[next - 1] === newline;
      at = next;
    }
    writeAll(stream, Buffer.concat(parts));
  };
}
