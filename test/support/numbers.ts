/** Numbers of claims in the parentheses at the end of titles, as `(R15, M3)`: what a list has, and what tests of the built binary have. */

import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

const repository = join(import.meta.dir, "../..");
export const readRepository = (file: string): string => readFileSync(join(repository, file), "utf8");

/** Titles are the first words of calls that are given a text and a function. */
function numbersOf(text: string, pattern: RegExp): string[] {
  const titles = [...text.matchAll(/\(\s*(["`])((?:(?!\1).)*)\1,\s*(?:async )?\(/gs)].map(([, , title]) => title!);
  return titles
    .flatMap((title) => [...title.matchAll(/\(([^()]*)\)/g)].flatMap(([, list]) => list!.split(", ")))
    .filter((word) => pattern.test(word));
}

/** Those in titles of tests of the built binary, the only ones that count. */
export const numbersInTitles = (pattern: RegExp): Set<string> =>
  new Set(
    globSync("test/{e2e,contract,vm}/*.test.ts", { cwd: repository }).flatMap((file) =>
      numbersOf(readRepository(file), pattern),
    ),
  );
