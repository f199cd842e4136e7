import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  parseCpus,
  parseEnv,
  parseEnvFile,
  parseHostname,
  parseMemory,
  parseName,
  parsePidsLimit,
  parseSize,
  parseWorkdir,
} from "../../../src/cli/words/units.ts";
import { parseTarget } from "../../../src/plan/path.ts";
import { refuses, strict } from "../../support/parsers.ts";

test("every parser answers any text with a value or a UsageError", () => {
  const parsers: ((text: string) => unknown)[] = [
    (text) => parseSize("--x", text),
    parseMemory,
    parseCpus,
    parsePidsLimit,
    parseHostname,
    parseName,
    (text) => parseTarget("--x", text),
    (text) => parseEnv("--env", text, {}),
    (text) => parseEnvFile("file", text, {}),
    parseWorkdir,
  ];
  parsers.forEach(strict);
});

describe("sizes", () => {
  test("are powers of 1024, in either case, with or without b", () => {
    const units = { "": 1, b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };
    for (const [unit, factor] of Object.entries(units))
      for (const text of new Set([unit, unit.toUpperCase(), unit && unit !== "b" ? `${unit}b` : unit]))
        expect(parseSize("--x", `3${text}`)).toBe(3 * factor);
    expect(parseSize("--x", "1.5k")).toBe(1536);
  });
  test("come back as they were written", () => {
    fc.assert(
      fc.property(fc.nat(1 << 20), fc.constantFrom("b", "k", "m", "g"), (number, unit) => {
        const factor = 2 ** (10 * "bkmg".indexOf(unit));
        expect(parseSize("--x", `${number}${unit}`)).toBe(number * factor);
      }),
    );
  });
  test("are refused when they are none", () => {
    refuses(
      (text) => parseSize("--x", text),
      ["", "-1", "1e3", "0x10", "k", "1kk", "1 000", "1,5k", "Infinity", "9".repeat(30)],
    );
  });
  test("of memory are MB without a unit, at least 6 MB, and 0 is unlimited", () => {
    expect(parseMemory("64")).toBe(64 << 20);
    expect(parseMemory("6m")).toBe(6 << 20);
    expect(parseMemory("6")).toBe(6 << 20);
    expect(parseMemory("67108864b")).toBe(64 << 20);
    expect(parseMemory("0")).toBe(0);
    refuses(parseMemory, ["5", "5m", "1b", "6291455b", "-6m", "lots", "max"]);
  });
});

describe("CPUs", () => {
  test("are any number of cores from 0.01 on, and 0 is unlimited", () => {
    for (const [text, cpus] of [
      ["0.01", 0.01],
      [".5", 0.5],
      ["1.5", 1.5],
      ["64", 64],
      ["0", 0],
    ] as const)
      expect(parseCpus(text)).toBe(cpus);
    refuses(parseCpus, ["0.009", "0.001", "-1", "", "one", "1e2", "1.", "Infinity", "NaN", "99999", " 1", "0x1"]);
  });
});

test("process limits are whole numbers; 0 and -1 are unlimited", () => {
  expect([parsePidsLimit("1"), parsePidsLimit("0"), parsePidsLimit("-1")]).toEqual([1, 0, 0]);
  refuses(parsePidsLimit, ["", "-2", "1.5", "many", "1e3", "9".repeat(12)]);
});

test("host names are RFC 1123's, up to the kernel's 64 bytes", () => {
  for (const name of ["a", "web-1", "a.b.example", "A1", "x".repeat(64)]) expect(parseHostname(name)).toBe(name);
  refuses(parseHostname, ["", "-a", "a-", "a b", "a/b", "é", "a\n", "x".repeat(65), "..", "a\0b"]);
});

test("container names follow Docker's pattern and can never be a path", () => {
  for (const name of ["web", "web_1.2-x", "0a"]) expect([parseName(name), parseName(`/${name}`)]).toEqual([name, name]);
  refuses(parseName, ["", "a", ".a", "-a", "a/b", "//ab", "/", "../x", "a b", "a\n", "a\0", "x".repeat(129)]);
});

describe("mount targets", () => {
  test("are cleaned", () => {
    expect(parseTarget("-v", "//a/./b//")).toBe("/a/b");
  });
  test("are never relative, the root, with .., or /proc and below", () => {
    const paths = [
      "",
      "a",
      "./a",
      "/",
      "//",
      "/./",
      "/a/../b",
      "/..",
      "/proc",
      "/proc/",
      "//proc/sys",
      "/./proc/1",
      "/a\0b",
    ];
    refuses((text) => parseTarget("-v", text), paths);
    expect(parseTarget("-v", "/process")).toBe("/process");
  });
});

describe("--env", () => {
  const caller = { PRESENT: "yes", EMPTY: "", PATH: "/bin" };
  const parse = (text: string) => parseEnv("--env", text, caller);
  test("is NAME=value, or the caller's own value, or nothing when the caller has none", () => {
    expect(parse("A=b=c")).toEqual(["A=b=c"]);
    expect(parse("A=")).toEqual(["A="]);
    expect(parse("PRESENT")).toEqual(["PRESENT=yes"]);
    expect(parse("EMPTY")).toEqual(["EMPTY="]);
    expect(parse("ABSENT")).toEqual([]);
  });
  test("names that objects have by nature are not the caller's", () => {
    for (const name of ["constructor", "toString", "__proto__"]) expect(parse(name)).toEqual([]);
  });
  test("is refused without a name, or with a NUL that would end it early", () => {
    refuses(parse, ["", "=", "=x", "A\0=x", "A=x\0B=y"]);
  });
  test("any name and value come back as they were", () => {
    const name = fc.stringMatching(/^[A-Za-z_][\w.-]{0,10}$/);
    const value = fc.string({ unit: "binary" }).filter((text) => !text.includes("\0"));
    fc.assert(fc.property(name, value, (key, text) => expect(parse(`${key}=${text}`)).toEqual([`${key}=${text}`])));
  });
});

describe("--env-file", () => {
  const parse = (text: string) => parseEnvFile("f", text, { HOME: "/me" });
  test("has a variable a line, comments, empty lines, and the caller's values", () => {
    expect(parse("A=1\n# no\n\n  B= two words # kept\r\nHOME\nNONE\nC='q'")).toEqual([
      "A=1",
      "B= two words # kept",
      "HOME=/me",
      "C='q'",
    ]);
  });
  test("names the line that is wrong", () => {
    expect(() => parse("A=1\nB C=2")).toThrow("line 2");
    expect(() => parse("=x")).toThrow("line 1");
  });
});

test("a working directory is absolute", () => {
  expect(parseWorkdir("/a b/../c")).toBe("/a b/../c");
  refuses(parseWorkdir, ["", "a", "./a", "/a\0"]);
});
