import { expect, test } from "bun:test";
import { appendFileSync, chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { followEvents } from "../../../src/engine/record/event-log.ts";
import { type RecordedEvent, recordEvent } from "../../../src/engine/record/events.ts";
import { pathsOf } from "../../../src/paths.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const event = (id: string, attributes: Record<string, string> = {}) =>
  ({ type: "container", action: "start", id, attributes }) as const;

/** All that is in the log. */
function recorded(root: string): RecordedEvent[] {
  const events: RecordedEvent[] = [];
  followEvents(pathsOf(root), { sinceMs: 0, untilMs: Date.now() + 1 }, (one) => void events.push(one));
  return events;
}

test("events are lines of a file that only root can read, in the order they were recorded", () => {
  const root = temporaryDirectory();
  for (const id of ["a", "b", "c"]) recordEvent(pathsOf(root), event(id, { name: "web\n" }));
  expect(statSync(join(root, "events.log")).mode & 0o777).toBe(0o600);
  expect(readFileSync(join(root, "events.log"), "utf8").trim().split("\n")).toHaveLength(3);
  expect(recorded(root).map(({ id }) => id)).toEqual(["a", "b", "c"]);
  expect(recorded(root)[0]).toMatchObject({ type: "container", action: "start", attributes: { name: "web\n" } });
});

test("what can't be recorded fails nobody", () => {
  const root = temporaryDirectory();
  recordEvent(pathsOf(join(root, "nowhere")), event("a"));
  mkdirSync(join(root, "events.log"));
  recordEvent(pathsOf(root), event("a"));
  expect(readdirSync(root)).toEqual(["events.log"]);
});

test("a log is never much larger than 8 MB, and the one before it is kept", () => {
  const root = temporaryDirectory();
  const log = join(root, "events.log");
  writeFileSync(log, `${"x".repeat(1023)}\n`.repeat(8 << 10));
  chmodSync(log, 0o600);
  recordEvent(pathsOf(root), event("last of the old"));
  recordEvent(pathsOf(root), event("first of the new"));
  expect(readdirSync(root).sort()).toEqual(["events.log", "events.log.1"]);
  expect(statSync(log).size).toBeLessThan(1000);
  expect(recorded(root).map(({ id }) => id)).toEqual(["last of the old", "first of the new"]);
});

test("an event with more labels than a line takes keeps its own attributes", () => {
  const root = temporaryDirectory();
  recordEvent(pathsOf(root), event("a", { name: "web", image: "busybox", label: "x".repeat(1 << 20) }));
  expect(recorded(root)[0]!.attributes).toEqual({ name: "web", image: "busybox" });
});

test("damaged lines keep nobody from the others", () => {
  const root = temporaryDirectory();
  const lines = [
    '{"type":',
    "null",
    "[]",
    "7",
    '{"type":"x","action":"y","id":"z","attributes":{},"timeMs":1}',
    "\0\xff",
  ];
  recordEvent(pathsOf(root), event("a"));
  for (const line of lines) appendFileSync(join(root, "events.log"), `${line}\n`);
  recordEvent(pathsOf(root), event("b"));
  expect(recorded(root).map(({ id }) => id)).toEqual(["a", "b"]);
});

test("many who write at once over a rotation lose and tear nothing", async () => {
  const root = temporaryDirectory();
  writeFileSync(join(root, "events.log"), "x\n".repeat((4 << 20) - 5000), { mode: 0o600 });
  const module = join(import.meta.dir, "../../../src/engine/record/events.ts");
  const script = `
    const { recordEvent } = await import(${JSON.stringify(module)});
    for (let at = 0; at < 200; at++)
      recordEvent({ root: ${JSON.stringify(root)} }, { type: "image", action: "load", id: process.argv.at(-1) + "-" + at, attributes: {} });`;
  const writers = ["a", "b", "c", "d"].map((name) => Bun.spawn([process.execPath, "-e", script, name]));
  for (const writer of writers) expect(await writer.exited).toBe(0);
  const ids = recorded(root).map(({ id }) => id);
  expect(ids).toHaveLength(800);
  expect(new Set(ids).size).toBe(800);
  expect(readdirSync(root).sort()).toEqual(["events.log", "events.log.1"]);
});
