import { expect, test } from "bun:test";
import { randomName } from "../../../src/engine/record/names.ts";

/** Every word that can stand at one of the two places, in order. */
function words(place: 0 | 1): string[] {
  const sizes: number[] = [];
  randomName((n) => {
    sizes.push(n);
    return 0;
  });
  return Array.from({ length: sizes[place]! }, (_, index) => {
    let call = 0;
    return randomName(() => (call++ === place ? index : 0)).split("_")[place]!;
  });
}

test("names are adjective_surname, of at least 90 and 200 words, none of them twice", () => {
  for (const [place, least] of [
    [0, 90],
    [1, 200],
  ] as const) {
    const all = words(place);
    expect(all.length).toBeGreaterThanOrEqual(least);
    expect(new Set(all).size).toBe(all.length);
    for (const word of all) expect(word).toMatch(/^[a-z]{2,}$/);
  }
});

test("a name is what a container may be called", () => {
  for (let turn = 0; turn < 100; turn++)
    expect(randomName((n) => Math.floor(Math.random() * n))).toMatch(/^[a-z]+_[a-z]+$/);
});

test("nobody is called boring, nor anything that is no compliment", () => {
  const unkind =
    /^(boring|angry|sad|grave|mad|drunk|sick|stupid|dumb|hungry|jealous|nasty|naughty|lonely|nostalgic|stoned|high|cocky|elastic|furious)$/;
  expect(words(0).filter((word) => unkind.test(word))).toEqual([]);
});
