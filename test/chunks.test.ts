/** How many pieces the code is in that is loaded before a fork: each brings Bun's first helper thread nearer (linux/first.ts). */

import { expect, test } from "bun:test";
import { join } from "node:path";

const pieces = await chunksBeforeFork();

test("what is loaded before a fork is in five pieces at most", () => {
  expect(pieces.length).toBeGreaterThan(1);
  expect(pieces.map(({ path }) => path).slice(5)).toEqual([]);
});

test("nothing but what a fork needs is among them", () => {
  const modules = pieces.flatMap(({ code }) => [...code.matchAll(/^\/\/ (src\/\S+)/gm)].map(([, path]) => path!));
  const layers = new Set(modules.map((path) => path.split("/")[1]));
  expect([...layers].sort()).toEqual(["errors.ts", "linux", "main.ts", "plan", "runtime"]);
  expect(modules.filter((path) => path.startsWith("src/plan/"))).toEqual(["src/plan/clone.ts"]);
});

interface Chunk {
  path: string;
  code: string;
}

/** The entry and all that it imports statically, as the build splits it. */
async function chunksBeforeFork(): Promise<Chunk[]> {
  const entry = join(import.meta.dir, "../src/main.ts");
  const { outputs } = await Bun.build({ entrypoints: [entry], target: "bun", format: "esm", splitting: true });
  const codes = new Map(await Promise.all(outputs.map(async (file) => [file.path, await file.text()] as const)));
  const found = new Map<string, string>();
  const follow = (path: string): void => {
    const code = codes.get(path);
    if (code === undefined || found.has(path)) return;
    found.set(path, code);
    for (const [, next] of code.matchAll(/(?:from|^import)\s*"(\.\/[^"]+)"/gm)) follow(next!);
  };
  follow(outputs.find(({ kind }) => kind === "entry-point")!.path);
  return [...found].map(([path, code]) => ({ path, code }));
}
