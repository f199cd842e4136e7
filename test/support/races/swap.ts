/**
 * Races that hostile programs would like to win: a part of a path is exchanged for a symbolic link, all the time, while a
 * command of ours resolves it. A scenario is prepared once, then done as many times as it is asked for, and counts how many
 * resolutions that were; whatever comes of each, nothing outside may have been read, written, covered or removed.
 */

import { expect } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { compiled } from "../compile.ts";

/** Until this many resolutions have been done. @returns what became of the commands that did them. */
export type Scenario = (rounds: number) => Promise<Record<string, number>>;

/** A place outside, with a secret in it, that must stay as it is. */
export class Outside {
  readonly path: string;

  constructor(directory: string) {
    this.path = join(directory, "outside");
    mkdirSync(join(this.path, "sub"), { recursive: true });
    for (const name of ["f", "sub/f"]) writeFileSync(join(this.path, name), "SECRET\n");
  }

  check(): void {
    expect(readdirSync(this.path, { recursive: true }).sort()).toEqual(["f", "sub", "sub/f"]);
    for (const name of ["f", "sub/f"]) expect(readFileSync(join(this.path, name), "utf8")).toBe("SECRET\n");
  }
}

/** Exchanges each of these paths for a link that lies beside it, while something is done. */
export async function whileSwapping<Result>(
  paths: string[],
  to: string,
  action: () => Promise<Result>,
): Promise<Result> {
  const links = paths.map((path) => `${path}.link`);
  for (const link of links) symlinkSync(to, link);
  const child = Bun.spawn([compiled("swap.c"), ...paths.flatMap((path, index) => [path, links[index]!])], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    await child.stdout.getReader().read();
    return await action();
  } finally {
    child.kill("SIGKILL");
    await child.exited;
  }
}

/** How many paths are exchanged at once: a command that goes through all of them resolves so many. */
export const places = 20;
export const names = Array.from({ length: places }, (_, index) => `d${index}`);

/** A tree with a directory for each place, and files in it. */
export function plant(tree: string): void {
  rmSync(tree, { recursive: true, force: true });
  for (const name of names) {
    mkdirSync(join(tree, name, "sub"), { recursive: true });
    for (const file of ["f", "sub/f"]) writeFileSync(join(tree, name, file), "inside\n");
  }
}

/** Counts what comes of one: each failure must be one in words. */
export function counted(
  counts: Record<string, number>,
  { code, stderr }: { code: number | null; stderr: string },
): void {
  expect(stderr).not.toMatch(/internal error|bunfs/);
  const what = code === 0 ? "done" : (/[A-Z]{4,}/.exec(stderr)?.[0] ?? "refused");
  counts[what] = (counts[what] ?? 0) + 1;
}
