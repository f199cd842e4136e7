/** `tinydocker logs`: what a container has written. */

import { awaitMore, followLog, type OpenLog, openLog, type Piece, readLog } from "../../engine/container/logs.ts";
import { recoverIfAllowed } from "../../engine/container/recover.ts";
import {
  type Container,
  type ContainerRecord,
  findAnyContainer,
  refuseDamaged,
} from "../../engine/record/container.ts";
import { ConflictError, hasCode, UsageError } from "../../errors.ts";
import { type Fd, writeAll } from "../../linux/file.ts";
import { type Paths, pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { plain } from "../words/print.ts";
import { parseTime, rfc3339 } from "../words/time.ts";

export default defineCommand({
  meta: { name: "logs", group: "Inspect", description: "Print the logs of containers" },
  args: {
    container: {
      type: "positional",
      required: true,
      multiple: true,
      description: "Container names, ids, or unique id prefixes; with several, each line begins with the name",
    },
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
    details: { type: "boolean", description: "Print what --log-opt tag, labels and env chose before each line" },
  },
  examples: ["tinydocker logs -f web", "tinydocker logs -n 20 -t web", "tinydocker logs -f web db"],
  run: ({ container, follow = false, tail, timestamps = false, details = false, ...when }, { root }) => {
    const now = Date.now();
    const span = {
      sinceMs: when.since === undefined ? 0 : parseTime("--since", when.since, now),
      untilMs: when.until === undefined ? Number.POSITIVE_INFINITY : parseTime("--until", when.until, now),
    };
    const lines = parseTail(tail);
    const paths = pathsOf(root);
    recoverIfAllowed(paths);
    const sources = container.map((reference) => findLogged(paths, reference));
    const shows = sources.map(({ record }) =>
      printer({
        timestamps,
        ...(sources.length > 1 && { name: record.name }),
        ...(details && { details: plain(detailsOf(record)) }),
      }),
    );
    const logs = sources.map((source) => {
      const log = openLog(paths, source);
      const followed = follow ? followLog(paths, source, log) : { pieces: readLog(log), watch: undefined };
      return { pieces: lastLines(between(followed.pieces, span), log, span, lines), watch: followed.watch };
    });
    try {
      showAll(logs, shows);
    } catch (error) {
      // Nobody reads any more.
      if (!hasCode(error, "EPIPE")) throw error;
    }
    return 0;
  },
});

/** As with Docker, less than nothing is all. */
function parseTail(text: string): number {
  if (text === "all" || /^-\d{1,12}$/.test(text)) return Number.POSITIVE_INFINITY;
  if (/^\d{1,12}$/.test(text)) return Number(text);
  throw new UsageError(`--tail: ${JSON.stringify(text)} is not a valid number of lines`, "a number, or all");
}

function findLogged(paths: Paths, reference: string): Container {
  const found = findAnyContainer(paths, reference);
  const { name, settings } = found.record;
  if (settings.log.driver === "none") refuseDamaged(paths, found);
  if (settings.log.driver === "none") throw new ConflictError(`container ${name} keeps no log (--log-driver none)`);
  return found;
}

/** As Docker has them: in the order of their names, with commas between. */
function detailsOf(record: ContainerRecord): string {
  const { attributesOf } =
    require("../../engine/container/log-fields.ts") as typeof import("../../engine/container/log-fields.ts");
  return Object.entries(attributesOf(record))
    .map((pair) => pair.map((text) => encodeURIComponent(text.toWellFormed())).join("="))
    .sort()
    .join(",");
}

type Pieces = Generator<Piece | undefined>;

/** So many pieces of one are shown before others have their turn. */
const turn = 64;

/** Shows each as it comes, in turns; waits when none has more. */
function showAll(logs: { pieces: Pieces; watch: Fd | undefined }[], shows: ((piece: Piece) => void)[]): void {
  let rest = logs.map((log, index) => ({ ...log, show: shows[index]! }));
  while (rest.length > 0) {
    let hasMore = false;
    rest = rest.filter(({ pieces, show }) => {
      for (let count = 0; count < turn || logs.length === 1; count++) {
        const { done, value } = pieces.next();
        if (done) return false;
        if (!value) return true;
        show(value);
      }
      hasMore = true;
      return true;
    });
    if (rest.length > 0 && !hasMore) awaitMore(rest.map(({ watch }) => watch));
  }
}

interface Span {
  sinceMs: number;
  untilMs: number;
}

/** Without what is before the last so many lines of those that there are. */
function* lastLines(pieces: Pieces, log: OpenLog, span: Span, lines: number): Pieces {
  let skip = lines === Number.POSITIVE_INFINITY ? 0 : Math.max(0, countLines(between(readLog(log), span)) - lines);
  for (const piece of pieces) {
    const rest = piece && skip > 0 ? skipLines(piece, skip) : { bytes: piece?.bytes, skipped: 0 };
    skip -= rest.skipped;
    if (!piece) yield undefined;
    else if (rest.bytes!.length > 0) yield { ...piece, bytes: rest.bytes! };
  }
}

function* between(pieces: Iterable<Piece | undefined>, { sinceMs, untilMs }: Span): Pieces {
  for (const piece of pieces) {
    if (piece && piece.timeMs > untilMs) return;
    if (!piece && Date.now() > untilMs) return;
    if (!piece || piece.timeMs >= sinceMs) yield piece;
  }
}

const newline = 10;

/** Ends of lines; a last line without one counts too. */
function countLines(pieces: Iterable<Piece | undefined>): number {
  let lines = 0;
  let open = false;
  for (const piece of pieces) {
    if (!piece) continue;
    const { bytes } = piece;
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

/** What is to be before each line, in this order. */
interface Before {
  name?: string;
  timestamps: boolean;
  details?: string;
}

/** Writes each piece to the stream it came from; line by line, where something is to be before each. */
function printer({ name, timestamps, details }: Before): (piece: Piece) => void {
  const asItIs = name === undefined && !timestamps && details === undefined;
  if (asItIs) return ({ stream, bytes }) => writeAll(stream, bytes);
  const atStart = { 1: true, 2: true };
  return ({ stream, timeMs, nanoseconds, bytes }) => {
    const time = timestamps ? rfc3339(timeMs, nanoseconds) : undefined;
    const words = [name, time, details].filter((word) => word !== undefined);
    const head = encoder.encode([...words, ""].join(" "));
    const parts: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; ) {
      const next = bytes.indexOf(newline, at) + 1 || bytes.length;
      if (atStart[stream]) parts.push(head);
      parts.push(bytes.subarray(at, next));
      atStart[stream] = bytes[next - 1] === newline;
      at = next;
    }
    writeAll(stream, Buffer.concat(parts));
  };
}
