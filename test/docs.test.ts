/** The documentation keeps its promises: its length, its links, and the numbers that comments and tests cite. */

import { expect, test } from "bun:test";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { reference, path as referencePath } from "../helpers/reference.ts";

const repository = join(import.meta.dir, "..");
const read = (path: string): string => readFileSync(join(repository, path), "utf8");
const documents = ["README.md", ...globSync("docs/*.md", { cwd: repository }).sort()];

test("README.md has at most 200 lines", () => {
  expect(read("README.md").split("\n").length).toBeLessThanOrEqual(201);
});

test("no line of text is longer than 120 characters; a row of a table has to be one line", () => {
  const tooLong = documents.flatMap((path) =>
    read(path)
      .split("\n")
      .filter((line) => line.length > 120 && (path === "README.md" || !line.startsWith("|")))
      .map((line) => `${path}: ${line}`),
  );
  expect(tooLong).toEqual([]);
});

test("every link to a file leads to one, and README.md links to every document", () => {
  const linked = documents.flatMap((path) =>
    [...read(path).matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)].map(([, target]) => ({
      path,
      target: join(dirname(path), target!),
    })),
  );
  expect(linked.filter(({ target }) => !existsSync(join(repository, target)))).toEqual([]);
  const fromReadme = linked.filter(({ path }) => path === "README.md").map(({ target }) => target);
  expect(documents.filter((path) => path !== "README.md" && !fromReadme.includes(path))).toEqual([]);
});

test("docs/reference.md is what the definitions say; if not, `npm run reference` writes it anew", async () => {
  expect(await reference()).toBe(readFileSync(referencePath, "utf8"));
});

test("docs/security.md has every number that the source and the tests cite", () => {
  const known = new Set([...read("docs/security.md").matchAll(/\*\*([RFB]\d+)\*\*/g)].map(([, number]) => number));
  const files = globSync("{src,test,helpers}/**/*.ts", { cwd: repository });
  const cited = files.flatMap((file) =>
    [...read(file).matchAll(/(?:docs\/security\.md |[(,] ?)([RFB]\d{1,2})(?=[),: ])/g)].map(([, number]) => ({
      file,
      number,
    })),
  );
  expect(cited.length).toBeGreaterThan(50);
  expect(cited.filter(({ number }) => !known.has(number))).toEqual([]);
});
