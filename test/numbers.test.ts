/** Every requirement and every fault of docs/security.md has a test that carries its number in its title: none loses its last one. */

import { expect, test } from "bun:test";
import { numbersInTitles, readRepository } from "./support/numbers.ts";

/** `R1`, `F23`: what the page gives a paragraph of its own. */
const documented = new Set(
  [...readRepository("docs/security.md").matchAll(/^- (?:[✔◐] )?\*\*([RF]\d+)\*\*/gm)].map(([, at]) => at!),
);
const tested = numbersInTitles(/^[RF]\d+$/);

test("the page has the numbers that this test looks for", () => {
  expect([documented.has("R1"), documented.has("F23"), documented.size > 50]).toEqual([true, true, true]);
});

test("each number of docs/security.md is in the title of a test of the built binary", () => {
  expect([...documented].filter((number) => !tested.has(number))).toEqual([]);
});

test("each number in a title is one of docs/security.md", () => {
  expect([...tested].filter((number) => !documented.has(number))).toEqual([]);
});
