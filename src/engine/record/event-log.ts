/** Reads the log of events: what was, and what comes as it comes. */

import { close, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, openIfAny, owned, read } from "../../linux/file.ts";
import { watchDirectory } from "../../linux/inotify.ts";
import { memory } from "../../linux/libc.ts";
import { mkdirAll } from "../../linux/names.ts";
import { type Interest, POLLIN, poll } from "../../linux/poll.ts";
import { fstat } from "../../linux/stat.ts";
import type { Paths } from "../../paths.ts";
import { parseRecord } from "../../schema.ts";
import { eventKind, logFile, olderLogFile, type RecordedEvent } from "./events.ts";

export interface Span {
  /** Milliseconds since 1970: events at this time or later; without it only those that come. */
  sinceMs?: number;
  /** Events before this time; without it there is no end. */
  untilMs?: number;
}

/**
 * Calls `use` for each event of a span, in the order they were recorded, and waits for those that are to come. Ends when
 * the span has, or when nobody is at the other end of stdout.
 */
export function followEvents(
  paths: Paths,
  { sinceMs = Date.now(), untilMs }: Span,
  use: (event: RecordedEvent) => void,
): void {
  // Watched before anything is read, so that nothing happens in between.
  mkdirAll(paths.root);
  using watch = owned(watchDirectory(paths.root));
  using log = openLog(paths);
  const changes = memory(4096);
  const report = (events: RecordedEvent[]) => {
    for (const event of events)
      if (event.timeMs >= sinceMs && (untilMs === undefined || event.timeMs < untilMs)) use(event);
  };
  for (;;) {
    report(log.readNew());
    const remaining = untilMs === undefined ? longestWaitMs : untilMs - Date.now();
    if (remaining <= 0) break;
    const happened: Interest[] = [
      { fd: watch.fd, events: POLLIN, happened: 0 },
      { fd: stdout, events: 0, happened: 0 },
    ];
    poll(happened, Math.ceil(Math.min(remaining, longestWaitMs)));
    if (happened[1]!.happened) break;
    if (happened[0]!.happened) read(watch.fd, changes);
  }
}

const stdout = 1;
/** poll(2) takes an int. */
const longestWaitMs = 1 << 30;

interface LogFile extends Disposable {
  ino: bigint;
  /** The events that were added since the last time. */
  readNew(): RecordedEvent[];
}

/** The log as one, whatever is renamed meanwhile. */
function openLog(paths: Paths): Omit<LogFile, "ino"> {
  // The newer first: if it is renamed between the two, it is found again as the older one.
  const newer = openFile(logFile(paths));
  const older = openFile(olderLogFile(paths));
  if (older?.ino === newer?.ino) older?.[Symbol.dispose]();
  const files = [older?.ino === newer?.ino ? undefined : older, newer].filter((file) => file !== undefined);
  return {
    readNew() {
      const events = files.flatMap((file) => file.readNew());
      const next = openFile(logFile(paths));
      if (next && next.ino !== files.at(-1)?.ino) {
        files.push(next);
        events.push(...next.readNew());
      } else next?.[Symbol.dispose]();
      // Whoever had the old log open may still write to it while the next one is begun.
      while (files.length > 2) files.shift()![Symbol.dispose]();
      return events;
    },
    [Symbol.dispose]() {
      for (const file of files) file[Symbol.dispose]();
    },
  };
}

function openFile(path: string): LogFile | undefined {
  const fd = openIfAny(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (fd === undefined) return undefined;
  const { type, ino } = fstat(fd);
  if (type !== "file") {
    close(fd);
    return undefined;
  }
  const decoder = new TextDecoder();
  const buffer = memory(64 << 10);
  let begun = "";
  return {
    ino,
    readNew() {
      const events: RecordedEvent[] = [];
      for (let count = read(fd, buffer); count > 0; count = read(fd, buffer)) {
        const lines = (begun + decoder.decode(buffer.subarray(0, count), { stream: true })).split("\n");
        begun = lines.pop()!;
        events.push(...lines.flatMap((line) => parseEvent(line) ?? []));
      }
      return events;
    },
    [Symbol.dispose]: () => close(fd),
  };
}

/** A line of the log; undefined if it is damaged, which is no reason to keep the others from anybody. */
const parseEvent = (line: string): RecordedEvent | undefined => parseRecord(eventKind, line, "events.log").value;
