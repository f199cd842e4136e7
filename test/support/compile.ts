/** Programs in C for tests: static ones, compiled once. */

import { existsSync, mkdirSync, readFileSync, renameSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { run } from "../../helpers/process.ts";

const cache = join(import.meta.dir, "../../node_modules/.cache");

/** The path of the compiled program. @param source below test/support. */
export function compiled(source: string, flags = ["-static"]): string {
  const path = join(import.meta.dir, source);
  const program = join(cache, [basename(source, ".c"), ...flags.map((flag) => flag.replace(/\W/g, ""))].join("-"));
  if (existsSync(program) && statSync(program).mtimeMs > statSync(path).mtimeMs) return program;
  mkdirSync(cache, { recursive: true });
  // Other files of tests, which run beside this one, may need it at the same time.
  const own = `${program}.${process.pid}`;
  run("gcc", [...flags, "-O2", "-Wall", "-o", own, path]);
  renameSync(own, program);
  return program;
}

/** Its bytes, for an image. */
export const compiledBytes = (source: string, flags?: string[]): Buffer => readFileSync(compiled(source, flags));
