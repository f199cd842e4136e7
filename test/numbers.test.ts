/** Every requirement and every fault of docs/security.md has a test that carries its number in its title: none loses its last one. */

import { expect, test } from "bun:test";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

const repository = join(import.meta.dir, "..");
const read = (file: string): string => readFileSync(join(repository, file), "utf8");

/** `R1`, `F23`: what the page gives a paragraph of its own. */
const documented = new Set(
  [...read("docs/security.md").matchAll(/^- (?:[✔◐] )?\*\*([RF]\d+)\*\*/gm)].map(([, at]) => at!),
);

/** Numbers in the parentheses of titles: calls that are given a text and a function. Only tests of the built binary count. */
function numbersOf(text: string): string[] {
  const titles = [...text.matchAll(/\(\s*(["`])((?:(?!\1).)*)\1,\s*(?:async )?\(/gs)].map(([, , title]) => title!);
  return titles
    .flatMap((title) => [...title.matchAll(/\(([^()]*)\)/g)].flatMap(([, list]) => list!.split(", ")))
    .filter((word) => /^[RF]\d+$/.test(word));
}

const tested = new Set(
  globSync("test/{e2e,contract,vm}/*.test.ts", { cwd: repository }).flatMap((file) => numbersOf(read(file))),
);

test("the page has the numbers that this test looks for", () => {
  expect([documented.has("R1"), documented.has("F23"), documented.size > 50]).toEqual([true, true, true]);
});

test("each number of docs/security.md is in the title of a test of the built binary", () => {
  expect([...documented].filter((number) => !tested.has(number))).toEqual([]);
});

test("each number in a title is one of docs/security.md", () => {
  expect([...tested].filter((number) => !documented.has(number))).toEqual([]);
});
