import { describe, expect, test } from "bun:test";
import { mergeHealth, planHealth } from "../../src/plan/health.ts";

const second = 1e9;

describe("planHealth()", () => {
  test("has Docker's times where nobody says others", () => {
    expect(planHealth({ test: ["CMD-SHELL", "true"] }, {})).toEqual({
      command: ["/bin/sh", "-c", "true"],
      intervalMs: 30_000,
      timeoutMs: 30_000,
      retries: 3,
      startPeriodMs: 0,
      startIntervalMs: 5_000,
    });
  });
  test("takes each from the options, then from the image; 0 is as good as nothing", () => {
    const image = { Healthcheck: { Test: ["CMD", "/check", "-q"], Interval: second, Timeout: 2 * second, Retries: 0 } };
    expect(planHealth({ timeoutMs: 500, startPeriodMs: 0 }, image)).toMatchObject({
      command: ["/check", "-q"],
      intervalMs: 1000,
      timeoutMs: 500,
      retries: 3,
      startPeriodMs: 0,
    });
  });
  test("gives a command that is text to the image's shell", () => {
    const image = { Healthcheck: { Test: ["CMD-SHELL", "a && b"] }, Shell: ["/bin/ash", "-ec"] };
    expect(planHealth({}, image)!.command).toEqual(["/bin/ash", "-ec", "a && b"]);
  });
  test("is nothing without a test, and where there is to be none", () => {
    expect(planHealth({}, {})).toBeUndefined();
    expect(planHealth({ intervalMs: 5 }, { Healthcheck: null })).toBeUndefined();
    for (const Test of [["NONE"], [], ["CMD"], ["nonsense", "x"]])
      expect(planHealth({}, { Healthcheck: { Test } })).toBeUndefined();
    expect(planHealth({ test: ["NONE"] }, { Healthcheck: { Test: ["CMD", "true"] } })).toBeUndefined();
  });
});

test("mergeHealth() leaves out what nobody said, and speaks in nanoseconds", () => {
  expect(mergeHealth({ intervalMs: 1.5 }, { Test: ["CMD", "x"], Retries: 7 })).toEqual({
    Test: ["CMD", "x"],
    Retries: 7,
    Interval: 1_500_000,
  });
});

test("an image is checked once a second at most, however often it asks; a user as often as he says", () => {
  const Healthcheck = { Test: ["CMD", "true"], Interval: 1, StartInterval: 1, Timeout: 1 };
  expect(planHealth({}, { Healthcheck })).toMatchObject({ intervalMs: 1000, startIntervalMs: 1000 });
  expect(planHealth({ intervalMs: 50 }, { Healthcheck })).toMatchObject({ intervalMs: 50, startIntervalMs: 1000 });
  expect(planHealth({ startIntervalMs: 20 }, { Healthcheck: { ...Healthcheck, Interval: 2e9 } })).toMatchObject({
    intervalMs: 2000,
    startIntervalMs: 20,
  });
});
