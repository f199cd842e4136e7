/** What a program compiled by bun costs that does nothing at all: the floor under ours. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { compile } from "../build.ts";

/** Builds an empty program as the build does ours. */
export async function emptyProgram(directory: string): Promise<string> {
  const source = join(directory, "empty.ts");
  const program = join(directory, "empty");
  writeFileSync(source, "export {};\n");
  await compile(source, program);
  return program;
}
