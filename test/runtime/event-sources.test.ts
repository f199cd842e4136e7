/** What goes on beside a container: its failure is not the container's. */

import { expect, test } from "bun:test";
import type { Fd } from "../../src/linux/file.ts";
import type { EventSource } from "../../src/linux/poll.ts";
import { guarded } from "../../src/runtime/event-sources.ts";

const trouble = () => {
  throw new Error("trouble");
};

/** An event source that counts how often it was ended. */
function eventSource(changes: Partial<EventSource> = {}): EventSource & { ends: number } {
  const made = {
    ends: 0,
    watches: () => [{ fd: 7 as Fd, onReady: () => {} }],
    timers: () => [{ atMs: 5, onTime: () => {} }],
    end: () => void made.ends++,
    ...changes,
  };
  return made;
}

const wanted = (eventSources: EventSource[]) => [
  eventSources.flatMap((one) => one.watches().map(({ fd }) => fd)),
  eventSources.flatMap((one) => one.timers().map(({ atMs }) => atMs)),
];

const failures: [string, Partial<EventSource>][] = [
  ["what is ready", { watches: () => [{ fd: 8 as Fd, onReady: trouble }] }],
  ["its time", { timers: () => [{ atMs: 6, onTime: trouble }] }],
  ["what it waits for", { watches: trouble }],
  ["its next time", { timers: trouble }],
];
for (const [what, changes] of failures) {
  test(`one that fails at ${what} is ended once and asked no more; the others go on`, () => {
    const [bad, good] = [eventSource(changes), eventSource()];
    const all = guarded([bad, good]);
    for (const one of all) {
      for (const { onReady } of one.watches()) onReady();
      for (const { onTime } of one.timers()) onTime();
    }
    expect(wanted(all)).toEqual([[7], [5]]);
    for (const one of all) one.end();
    expect([bad.ends, good.ends]).toEqual([1, 1]);
  });
}

test("one that cannot even be ended keeps nobody from being ended", () => {
  const good = eventSource();
  for (const one of guarded([eventSource({ end: trouble }), good])) one.end();
  expect(good.ends).toBe(1);
});

test("one whose turn was noted before it ended is not called any more", () => {
  let calls = 0;
  const count = () => void calls++;
  const [one] = guarded([eventSource({ watches: () => [{ fd: 7 as Fd, onReady: count }] })]);
  const [watch] = one!.watches();
  one!.end();
  watch!.onReady();
  expect(calls).toBe(0);
});
