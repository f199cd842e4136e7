/** Names as bytes: what makes one, and that text is none. */

import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { type ByteName, byteName, byteNameFrom, byteNameIn, byteNameOf, textOf } from "../../src/linux/byte-name.ts";
import { removePath } from "../../src/linux/tree/tree.ts";
import { temporaryDirectory } from "../support/temporary.ts";

test("a name is one character per byte, wherever it came from", () => {
  const bytes = Buffer.from("ü");
  const names = [
    byteNameOf("ü"),
    byteNameFrom(Uint8Array.from(bytes)),
    byteNameIn(bytes),
    byteNameIn(Buffer.from("aü"), 1),
  ];
  expect(new Set<string>(names)).toEqual(new Set(["\xc3\xbc"]));
  expect(textOf(byteName`etc/${byteNameOf("ü")}`)).toBe("etc/ü");
  expect([byteName``, byteName`etc`] as string[]).toEqual(["", "etc"]);
});

test("what is cut out of a name is one, and what is text is none", () => {
  const name: ByteName = byteNameOf("ü/a/").slice(3).replace(/\/$/, "").split("/")[0]!;
  // @ts-expect-error
  const text: ByteName = "ü";
  // @ts-expect-error
  const joined: ByteName = `${name}/b`;
  expect([name, text, joined] as string[]).toEqual(["a", "ü", "a/b"]);
});

test("errors name a path as people read it", () => {
  const file = `${temporaryDirectory()}/ü`;
  writeFileSync(file, "");
  expect(() => removePath(file)).toThrow(`cannot open ${file}: ENOTDIR`);
});
