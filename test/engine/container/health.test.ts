import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { judge, pauseMs } from "../../../src/engine/container/health.ts";
import type { Health } from "../../../src/engine/record/container.ts";
import { planHealth } from "../../../src/plan/health.ts";

const plan = (more: object = {}) => ({ ...planHealth({ test: ["CMD", "x"] }, {})!, ...more });
const result = (exitCode: number) => ({ start: "", end: "", exitCode, output: "" });
const fresh: Health = { status: "starting", failingStreak: 0, log: [] };

/** The status after these exit codes, one a second from the start on. */
const after = (codes: number[], more = {}): Health =>
  codes.reduce((health, code, index) => judge(health, plan(more), result(code), index * 1000), fresh);

describe("judge()", () => {
  test("needs one success to be healthy, and as many failures as it has retries to be unhealthy", () => {
    expect(after([0]).status).toBe("healthy");
    expect(after([1, 1])).toMatchObject({ status: "starting", failingStreak: 2 });
    expect(after([1, 1, -1])).toMatchObject({ status: "unhealthy", failingStreak: 3 });
    expect(after([0, 1, 1])).toMatchObject({ status: "healthy", failingStreak: 2 });
    expect(after([1, 1, 1, 0])).toMatchObject({ status: "healthy", failingStreak: 0 });
  });
  test("forgives failures in the start period, until the first success", () => {
    expect(after([1, 1, 1, 1], { startPeriodMs: 10_000 })).toMatchObject({ status: "starting", failingStreak: 0 });
    expect(after([1, 1, 1], { startPeriodMs: 1500, retries: 1 }).status).toBe("unhealthy");
    expect(after([0, 1], { startPeriodMs: 10_000, retries: 1 }).status).toBe("unhealthy");
  });
  test("remembers the last five, whatever they were", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -1, max: 255 })), (codes) => {
        const { log, status, failingStreak } = after(codes);
        expect(log.map(({ exitCode }) => exitCode)).toEqual(codes.slice(-5));
        expect(failingStreak).toBe(codes.length - 1 - codes.lastIndexOf(0));
        if (codes.at(-1) === 0) expect(status).toBe("healthy");
      }),
    );
  });
});

test("pauseMs() is the start interval as long as the start period lasts and it was never healthy", () => {
  const slow = plan({ startPeriodMs: 1000, startIntervalMs: 7, intervalMs: 70 });
  expect(pauseMs(fresh, slow, 999)).toBe(7);
  expect(pauseMs(fresh, slow, 1000)).toBe(70);
  expect(pauseMs({ ...fresh, status: "healthy" }, slow, 0)).toBe(70);
  expect(pauseMs(fresh, plan(), 0)).toBe(30_000);
});
