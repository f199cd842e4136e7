/** What the runtime specification demands (test/contract/musts.md) is in the title of a test of the built binary, or cannot be. */

import { expect, test } from "bun:test";
import { numbersInTitles, readRepository } from "./support/numbers.ts";

/** `| M1 | what it demands | why no test can see it |`, in their order. */
const demands = [...readRepository("test/contract/musts.md").matchAll(/^\| (M\d+) \| (.+) \| ?(\w*) \|$/gm)].map(
  ([, number, text, why]) => ({ number: number!, text: text!, why: why! }),
);
const tested = numbersInTitles(/^M\d+$/);

test("the list is numbered without a gap, and each of its lines demands something", () => {
  expect(demands.length).toBeGreaterThan(150);
  expect(demands.map(({ number }) => number)).toEqual(demands.map((_, index) => `M${index + 1}`));
  expect(demands.filter(({ text }) => !/\b(MUST|SHALL|REQUIRED)\b/.test(text))).toEqual([]);
});

test("each demand that can be seen is in the title of a test of the built binary", () => {
  expect(demands.filter(({ number, why }) => why === "" && !tested.has(number))).toEqual([]);
});

test("each of the others has one of the words that the list explains, and no test", () => {
  const words = ["author", "platform", "unsupported", "optional", "kernel"];
  expect(demands.filter(({ number, why }) => why !== "" && (!words.includes(why) || tested.has(number)))).toEqual([]);
});

test("each number in a title is one of the list", () => {
  const known = new Set(demands.map(({ number }) => number));
  expect([...tested].filter((number) => !known.has(number))).toEqual([]);
});
