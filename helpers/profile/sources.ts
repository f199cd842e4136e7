/** Which modules of this repository a chunk of a compiled program was made of: its name is a hash, and its code is minified. */

import { basename, join, relative } from "node:path";

const repository = join(import.meta.dir, "../..");

/**
 * Bundles this tree as the build does, and compares. Minified names differ from build to build, longer words do not; chunks
 * that another version of the source had have no counterpart.
 * @returns what finds the modules for a chunk's code: "src/engine/container/run.ts", or the first of several and how many more.
 */
export async function sourceFinder(): Promise<(code: string) => string | undefined> {
  const entrypoints = [join(repository, "src/main.ts")];
  const define = { TINYDOCKER_VERSION: '""', TINYDOCKER_COMMIT: '""' };
  const how = { target: "bun", format: "esm", minify: true, splitting: true, metafile: true } as const;
  const { outputs, metafile } = await Bun.build({ entrypoints, define, ...how });
  const inputs = new Map(Object.entries(metafile?.outputs ?? {}).map(([path, { inputs }]) => [basename(path), inputs]));
  const modules = new Map<string, string>();
  for (const output of outputs) {
    const paths = Object.keys(inputs.get(basename(output.path)) ?? {}).map((path) => relative(repository, path));
    const [first] = paths;
    if (first === undefined) continue;
    modules.set(wordsOf(await output.text()), paths.length > 1 ? `${first} and ${paths.length - 1} more` : first);
  }
  return (code) => modules.get(wordsOf(code));
}

/** What minifying keeps. Imports differ, as chunks are named by their content. */
const wordsOf = (code: string): string =>
  (
    code
      .replace(/^\/\/ @bun.*\n/, "")
      .replace(/import(?:\{[^}]*\}from)?"(?:\.\/|\/\$bunfs)[^"]*";?/g, "")
      .replace(/(?:\.\/|\/\$bunfs\/root\/)chunk-\w+\.js/g, "")
      .match(/[A-Za-z_]{4,}/g) ?? []
  ).join(" ");
