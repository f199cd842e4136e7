import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { chooseLines, cpuText, startText, terminalName } from "../../../src/engine/inspect/top.ts";
import { parseStat } from "../../../src/linux/procfs.ts";

describe("our table", () => {
  test("tells when a process was started as ps does: the time today, the day this year, the year before", () => {
    const now = new Date(2026, 10, 24, 13, 0).getTime();
    expect(startText(new Date(2026, 10, 24, 9, 5).getTime(), now)).toBe("09:05");
    expect(startText(new Date(2026, 10, 3, 9, 5).getTime(), now)).toBe("Nov03");
    expect(startText(new Date(2025, 11, 31, 9, 5).getTime(), now)).toBe("2025");
  });
  test("tells CPU time as a clock", () => {
    expect(cpuText(999)).toBe("00:00:00");
    expect(cpuText(3_723_000)).toBe("01:02:03");
    expect(cpuText(90_061_000)).toBe("1-01:01:01");
  });
  test("names terminals by their device numbers", () => {
    expect([0, 0x8800, 0x8805, 0x8903, 0x401, 0x440, 0x501].map(terminalName)).toEqual([
      "?",
      "pts/0",
      "pts/5",
      "pts/259",
      "tty1",
      "ttyS0",
      "console",
    ]);
  });
});

describe("parseStat()", () => {
  test("is not misled by what a process calls itself", () => {
    const rest = "S 7 8 9 34816 10 4194560 1 2 3 4 50 25 10 5 20 0 1 0 12345 1000 2000";
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("a", ")", "(", " ", "S", "1"), maxLength: 15 }), (name) => {
        expect(parseStat(`42 (${name}) ${rest}`)).toEqual({
          name,
          state: "S",
          parent: 7,
          session: 9,
          terminal: 34816,
          cpuMs: 750,
          childrenCpuMs: 150,
          startMs: 123_450,
        });
      }),
    );
  });
});

describe("chooseLines()", () => {
  const text = "    PID   RSS COMMAND\n      1   100 init of the host\n     42   200 sh -c 'a   b'\n     43     0\n";
  test("takes the lines of ps whose PID is the container's, and what is left of a line as one cell", () => {
    expect(chooseLines(text, new Set([42, 43]))).toEqual({
      titles: ["PID", "RSS", "COMMAND"],
      rows: [
        ["42", "200", "sh -c 'a   b'"],
        ["43", "0", ""],
      ],
    });
  });
  test("does not guess where there is no such column", () => {
    expect(() => chooseLines("RSS\n1\n", new Set([1]))).toThrow("no column PID");
    expect(() => chooseLines("", new Set([1]))).toThrow("no column PID");
  });
});
