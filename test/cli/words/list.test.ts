import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { booleanFilter, globPattern, labelFilter, parseFilters } from "../../../src/cli/words/filter.ts";
import { alignColumns, type Listing, renderList } from "../../../src/cli/words/list.ts";
import { harmless, humanDuration, plain } from "../../../src/cli/words/print.ts";
import { toJson } from "../../../src/cli/words/template/value.ts";
import { parseTime, rfc3339 } from "../../../src/cli/words/time.ts";
import { type Failure, UsageError } from "../../../src/errors.ts";
import { parseDuration } from "../../../src/oci/duration.ts";

describe("alignColumns()", () => {
  test("makes a column as wide as its widest cell and three blanks, ten at least, and leaves the last as it is", () => {
    expect(alignColumns("NAME\tDOCKER ENDPOINT\ndefault\tunix:///x\n")).toBe(
      "NAME      DOCKER ENDPOINT\ndefault   unix:///x\n",
    );
    expect(alignColumns("A\tB\tC\nlonger than ten\t\tc\n")).toBe(
      "A                 B         C\nlonger than ten             c\n",
    );
  });
  test("columns end where a line has no such cell, as Go's tabwriter has it", () => {
    expect(alignColumns("a\tb\nno tab at all, and long\nlonger than ten\tb\n")).toBe(
      "a         b\nno tab at all, and long\nlonger than ten   b\n",
    );
  });
  test("keeps every word, and every line as a line", () => {
    const cell = fc.string({ unit: fc.constantFrom("a", "b", "é", "💾"), maxLength: 15 });
    fc.assert(
      fc.property(fc.array(fc.array(cell, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 20 }), (rows) => {
        const lines = alignColumns(rows.map((row) => row.join("\t")).join("\n")).split("\n");
        expect(lines).toHaveLength(rows.length);
        for (const [at, line] of lines.entries())
          expect(line.split(/ +/).filter(Boolean)).toEqual(rows[at]!.filter(Boolean));
      }),
    );
  });
});

describe("renderList()", () => {
  const listing: Listing<string> = {
    type: "thing",
    columns: { Name: ["NAME", (row) => row] },
    table: ["Name"],
    quiet: "Name",
  };
  const render = (rows: string[], format: string) => renderList(listing, rows, format);
  test("a template may make lists of a cell, with rows and without", () => {
    const format = '{{range split .Name "o"}}[{{.}}]{{end}}{{index (split .Name "o") 1}}';
    expect(render(["one two"], format)).toBe("[][ne tw][]ne tw\n");
    expect(render([], format)).toBe("");
  });
  test("a field that does not exist is an error, with rows and without", () => {
    for (const rows of [[], ["one"]]) expect(() => render(rows, "{{.Nope}}")).toThrow("can't evaluate field Nope");
  });
});

test("what is shown on a terminal has no control character but line feeds and tabs, and nothing turns its text around", () => {
  const turning = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069";
  expect([harmless(`a${turning}b`), plain(`a${turning}b`)]).toEqual([`a${"?".repeat(12)}b`, `a${"?".repeat(12)}b`]);
  expect(toJson([turning])).toMatch(/^\["(\\u[0-9a-f]{4}){12}"\]$/);
  expect(JSON.parse(toJson([turning]))).toEqual([turning]);
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(harmless(text)).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/);
      expect(harmless(text)).toHaveLength(text.length);
    }),
  );
});

interface Row {
  name: string;
  labels: Record<string, string>;
}
const filters = {
  name: (text: string) => (row: Row) => row.name === text,
  label: labelFilter<Row>(({ labels }) => labels),
  odd: booleanFilter<Row>("odd", ({ name }) => name.length % 2 === 1),
};
const rows: Row[] = [
  { name: "web", labels: { a: "1", b: "" } },
  { name: "db", labels: { a: "2" } },
  { name: "cache", labels: {} },
];
const kept = (...words: string[]) => rows.filter(parseFilters(words, filters)).map(({ name }) => name);

describe("parseFilters()", () => {
  test("values of one key are alternatives, different keys must all be so", () => {
    expect(kept()).toEqual(["web", "db", "cache"]);
    expect(kept("name=web", "name=db")).toEqual(["web", "db"]);
    expect(kept("name=web", "name=db", "label=a=2")).toEqual(["db"]);
    expect(kept("odd=true", "NAME = cache ")).toEqual(["cache"]);
    expect(kept("odd=0")).toEqual(["db"]);
  });
  test("labels must all be there, by name or with their value", () => {
    expect(kept("label=a")).toEqual(["web", "db"]);
    expect(kept("label=a", "label=b=")).toEqual(["web"]);
    expect(kept("label=toString")).toEqual([]);
  });
  test("refuses what is unknown, naming what is known, and what is no filter at all", () => {
    const refusal = (word: string) => {
      try {
        kept(word);
      } catch (error) {
        expect(error).toBeInstanceOf(UsageError);
        return `${(error as Failure).message}; ${(error as Failure).hint}`;
      }
      throw new Error(`accepted: ${word}`);
    };
    expect(refusal("nmae=x")).toBe(
      '--filter: invalid filter "nmae": the filters are name, label, odd; did you mean name?',
    );
    expect(refusal("constructor=x")).toContain('invalid filter "constructor"');
    expect(refusal("name")).toContain('"name" is not key=value');
    expect(refusal("odd=maybe")).toContain('odd is true or false, not "maybe"');
  });
});

describe("globPattern()", () => {
  test("matches as Go's path.Match", () => {
    for (const [glob, yes, no] of [
      ["busy*", "busybox", "library/busybox"],
      ["*/app:v?", "my/app:v1", "my/app:v12"],
      ["a[b-d]e", "ace", "aee"],
      ["a[^b-d]e", "aee", "ace"],
      ["a\\*b", "a*b", "axb"],
      ["a.c", "a.c", "abc"],
      ["[a&&b]", "&", "c"],
      ["[x\\-z]", "-", "y"],
    ] as const) {
      expect([glob, globPattern(glob).test(yes)]).toEqual([glob, true]);
      expect([glob, globPattern(glob).test(no)]).toEqual([glob, false]);
    }
  });
  test("is a pattern or a usage error, whatever is written", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."ab[]^-*?\\.&|{}(){}é💾/") }), (glob) => {
        try {
          expect(globPattern(glob).test("ab")).toBeBoolean();
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe("times", () => {
  const now = Date.parse("2026-01-02T03:04:05Z");
  test("are durations before now, seconds since 1970, or RFC 3339", () => {
    expect(parseTime("--since", "10m", now)).toBe(now - 600_000);
    expect(parseTime("--since", "1h30m", now)).toBe(now - 5_400_000);
    expect(parseTime("--since", "1700000000", now)).toBe(1_700_000_000_000);
    expect(parseTime("--since", "1700000000.5", now)).toBe(1_700_000_000_500);
    expect(parseTime("--since", "2026-01-02T03:04:05.123456789Z", now)).toBe(now + 123);
    expect(parseTime("--since", "2026-01-02T05:04:05+02:00", now)).toBe(now);
    expect(parseTime("--since", "2026-01-02T03:04:05,123456789+00:00", now)).toBe(now + 123);
    expect(parseTime("--since", "2026-01-02T19", now)).toBe(Date.parse("2026-01-02T19:00:00"));
    expect(parseTime("--since", "2026-01-02T19Z", now)).toBe(Date.parse("2026-01-02T19:00:00Z"));
    expect(parseTime("--since", "2026-01-02", now)).toBe(Date.parse("2026-01-02T00:00:00"));
    for (const text of [
      "",
      "yesterday",
      "10",
      "10x",
      "2026-13-01",
      "1e9",
      "m",
      "2026-01-02T99:99",
      "2026-01-02T",
      "2026-01-02T1",
    ].filter((t) => t !== "10"))
      expect(() => parseTime("--since", text, now)).toThrow(`--since: ${JSON.stringify(text)} is not a valid time`);
  });
  test("durations are Go's", () => {
    expect(parseDuration("1.5h")).toBe(5_400_000);
    expect(parseDuration("250ms")).toBe(250);
    expect(parseDuration("-1s")).toBe(-1000);
    expect(parseDuration("5")).toBeUndefined();
  });
  test("read back as they were written", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4e12 }), (ms) => {
        expect(parseTime("--since", rfc3339(ms), 0)).toBe(ms);
      }),
    );
  });
  test("spans are in Docker's words", () => {
    const second = 1000;
    const hour = 3600 * second;
    const day = 24 * hour;
    for (const [ms, words] of [
      [-5, "Less than a second"],
      [second, "1 second"],
      [59 * second, "59 seconds"],
      [90 * second, "About a minute"],
      [120 * second, "2 minutes"],
      [hour, "About an hour"],
      [2 * hour, "2 hours"],
      [47 * hour, "47 hours"],
      [3 * day, "3 days"],
      [20 * day, "2 weeks"],
      [90 * day, "3 months"],
      [3 * 365 * day, "3 years"],
    ] as const)
      expect(humanDuration(ms)).toBe(words);
  });
});
