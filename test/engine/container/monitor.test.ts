/** How long a restart policy waits. */

import { expect, test } from "bun:test";
import { restartDelayMs } from "../../../src/engine/container/monitor.ts";
import type { ContainerState } from "../../../src/engine/record/container.ts";

const after = (wallMs: number, restartDelayMs?: number): ContainerState => ({
  status: "exited",
  restartCount: 5,
  usage: { wallMs },
  ...(restartDelayMs !== undefined && { restartDelayMs }),
});

test("a policy waits 100 ms first, then twice as long each time, and a minute at most", () => {
  let delayMs: number | undefined;
  const delays = Array.from({ length: 12 }, () => {
    delayMs = restartDelayMs(after(10, delayMs));
    return delayMs;
  });
  expect(delays).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000]);
});
test("a run of ten seconds was a good one: the delays begin anew, and go on from there", () => {
  expect(restartDelayMs(after(10_000, 6400))).toBe(100);
  expect(restartDelayMs(after(9_999, 100))).toBe(200);
});
