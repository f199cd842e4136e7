/** What is put into the binary to make its pages ready (helpers/warm): the code is that of its source, and the table what was measured. */

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "../helpers/process.ts";
import { code } from "../helpers/warm/code.ts";
import { compileWarm } from "../helpers/warm/compile.ts";
import { among, rangesOf, type WarmPages } from "../helpers/warm/pages.ts";
import { warm } from "../helpers/warm/patch.ts";
import { needing, tool } from "./support/needs.ts";

/** Another compiler makes other bytes of the same source. */
const builtWith = "12";
const version = (): string | undefined => {
  const found = text("gcc", ["-dumpversion"]);
  return found === builtWith ? undefined : `version ${builtWith} of gcc: it has ${found}`;
};
const isX64 = (): string | undefined => (process.arch === "x64" ? undefined : "an x86_64 processor");

needing(
  isX64,
  tool("gcc"),
  version,
)("the bytes are those of warm.c", () => {
  expect(compileWarm().toString("base64")).toBe(code);
});

describe("pages become ranges", () => {
  test("with a few that nobody needs between them, as each range is a call", () => {
    expect(rangesOf([9, 1, 2, 4, 8], 1)).toEqual([
      [1, 4],
      [8, 2],
    ]);
  });

  test("that end where a huge page would end", () => {
    expect(rangesOf([510, 511, 512], 4)).toEqual([
      [510, 2],
      [512, 1],
    ]);
    expect(
      among(
        [
          [510, 2],
          [512, 1],
        ],
        [1],
      ),
    ).toEqual([[512, 1]]);
  });
});

test("pages of another Bun are refused: they would lie elsewhere", () => {
  const pages: WarmPages = JSON.parse(readFileSync(join(import.meta.dir, "../helpers/warm/pages.json"), "utf8"));
  expect(() => warm(Buffer.alloc(0), { ...pages, bun: "0.0.0" })).toThrow("is of Bun 0.0.0");
});
