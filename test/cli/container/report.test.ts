import { describe, expect, test } from "bun:test";
import { parseHealth } from "../../../src/cli/container/health.ts";
import { asLines, humanTime } from "../../../src/cli/container/report.ts";
import { UsageError } from "../../../src/errors.ts";
import { parseCpuStat, parseIoStat } from "../../../src/runtime/usage.ts";

describe("the report", () => {
  test("has a line for each thing, and says what is not counted", () => {
    const usage = { wallMs: 2000, cpuMs: 3000, memoryPeakBytes: 12_300_000, readBytes: 0, writtenBytes: 4096 };
    expect(asLines({ code: 137, oomKilled: true, usage })).toEqual([
      ["exit code", "137, out of memory"],
      ["wall time", "2 s"],
      ["CPU time", "3 s (150% of one)"],
      ["peak memory", "12.3MB"],
      ["read", "0B"],
      ["written", "4.1kB"],
    ]);
    expect(Object.fromEntries(asLines({ code: 0, usage: { wallMs: 1 } }))).toMatchObject({
      "CPU time": "not counted on this host",
      "peak memory": "not counted on this host",
    });
    const largest = Object.fromEntries(asLines({ code: 0, usage: { wallMs: 1, largestProcessBytes: 2e6 } }));
    expect(largest["peak memory"]).toStartWith("at least 2MB (");
  });
  test("tells times in the unit that suits them", () => {
    expect([0.1234, 5.6789, 999.9, 1234, 59_990, 201_000].map(humanTime)).toEqual([
      "0.123 ms",
      "5.68 ms",
      "1000 ms",
      "1.23 s",
      "60 s",
      "3 min 21 s",
    ]);
  });
  test("adds up devices, and takes the kernel's microseconds", () => {
    expect(parseIoStat("8:0 rbytes=10 wbytes=20 rios=1 wios=2\n8:16 rbytes=1 wbytes=2 dbytes=5\n")).toEqual({
      readBytes: 11,
      writtenBytes: 22,
    });
    expect(parseIoStat("")).toEqual({ readBytes: 0, writtenBytes: 0 });
    expect(parseCpuStat("usage_usec 12345\nuser_usec 1\n")).toBe(12.345);
  });
});

describe("parseHealth()", () => {
  const parse = (args: Record<string, string | boolean>) => parseHealth(args as never);
  test("takes Docker's options", () => {
    expect(
      parse({ "health-cmd": "a && b", "health-interval": "1m30s", "health-timeout": "500ms", "health-retries": "5" }),
    ).toEqual({ test: ["CMD-SHELL", "a && b"], intervalMs: 90_000, timeoutMs: 500, retries: 5 });
    expect(parse({ "no-healthcheck": true })).toEqual({ test: ["NONE"] });
    expect(parse({ "health-cmd": "none" })).toEqual({ test: ["NONE"] });
    expect(parse({})).toBeUndefined();
  });
  test("refuses what is no time and no number, and contradictions", () => {
    for (const text of ["5", "1x", "-1s", "0.1ms", ""])
      expect(() => parse({ "health-interval": text })).toThrow(UsageError);
    expect(() => parse({ "health-retries": "x" })).toThrow("--health-retries");
    expect(() => parse({ "no-healthcheck": true, "health-cmd": "x" })).toThrow("conflicts with --health-cmd");
  });
});
