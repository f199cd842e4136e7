/** What a program in a container gets of whoever calls us: a terminal, and variables. */

import { readFile } from "../../linux/file.ts";
import { isatty } from "../../linux/tty.ts";

/** With nothing said: a person at a terminal gets one; a script, a pipe or something in the background does not. */
export const wantsTerminal = ({ tty, detach }: { tty?: boolean | undefined; detach?: boolean | undefined }): boolean =>
  tty ?? (!detach && isatty(0) && isatty(1));

/** The variables of `--env-file`, then those of `--env`. */
export function readEnv(args: { "env-file": string[]; env: string[] }): string[] {
  if (args["env-file"].length + args.env.length === 0) return [];
  const { parseEnv, parseEnvFile } = require("../words/units.ts") as typeof import("../words/units.ts");
  const env: string[] = [];
  for (const file of args["env-file"]) env.push(...parseEnvFile(file, readFile(file), process.env));
  for (const text of args.env) env.push(...parseEnv("--env", text, process.env));
  return env;
}
