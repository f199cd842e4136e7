/** What goes on beside a container: its failure is not the container's. */

import { expect, test } from "bun:test";
import type { Companion } from "../../src/linux/poll.ts";
import { guarded } from "../../src/runtime/companions.ts";

const trouble = () => {
  throw new Error("trouble");
};

/** A companion that counts how often it was ended. */
function companion(changes: Partial<Companion> = {}): Companion & { ends: number } {
  const made = {
    ends: 0,
    watches: () => [{ fd: 7, onReady: () => {} }],
    timers: () => [{ atMs: 5, onTime: () => {} }],
    end: () => void made.ends++,
    ...changes,
  };
  return made;
}

const wanted = (companions: Companion[]) => [
  companions.flatMap((one) => one.watches().map(({ fd }) => fd)),
  companions.flatMap((one) => one.timers().map(({ atMs }) => atMs)),
];

const failures: [string, Partial<Companion>][] = [
  ["what is ready", { watches: () => [{ fd: 8, onReady: trouble }] }],
  ["its time", { timers: () => [{ atMs: 6, onTime: trouble }] }],
  ["what it waits for", { watches: trouble }],
  ["its next time", { timers: trouble }],
];
for (const [what, changes] of failures) {
  test(`one that fails at ${what} is ended once and asked no more; the others go on`, () => {
    const [bad, good] = [companion(changes), companion()];
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
  const good = companion();
  for (const one of guarded([companion({ end: trouble }), good])) one.end();
  expect(good.ends).toBe(1);
});

test("one whose turn was noted before it ended is not called any more", () => {
  let calls = 0;
  const count = () => void calls++;
  const [one] = guarded([companion({ watches: () => [{ fd: 7, onReady: count }] })]);
  const [watch] = one!.watches();
  one!.end();
  watch!.onReady();
  expect(calls).toBe(0);
});
