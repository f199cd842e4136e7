/** What stands before the command's name; loaded where something does. */

import { UsageError } from "../errors.ts";
import { parseOption } from "./words/argv.ts";
import type { Values } from "./words/command.ts";
import { globalArgs } from "./words/global.ts";

export interface Given {
  /** From the command's name on; or from the options of rootfs mode. */
  rest: string[];
  want?: "help" | "version";
  root?: string;
  firewall?: string;
  config?: string;
}

/** Takes the global options off the front. What is about messages is so from then on. */
export function takeGlobal(argv: readonly string[]): Given {
  const rest = [...argv];
  const values: Partial<Values<typeof globalArgs>> = {};
  while (isGlobal(rest[0])) {
    parseOption(globalArgs, rest, values);
    if (values.help || values.version) break;
  }
  const given: Given = { rest };
  if (values.help || values.version) given.want = values.help ? "help" : "version";
  for (const name of ["root", "firewall", "config"] as const) {
    const value = values[name];
    if (value === "") throw new UsageError(`option --${name} needs a value`, `--${name} VALUE`);
    if (value !== undefined) given[name] = value;
  }
  const level = values.debug ? "debug" : values["log-level"];
  if (level !== undefined) chooseLevel(level);
  return given;
}

/** Whether a word is a global option; rootfs mode has others, with other letters. */
export function isGlobal(word = ""): boolean {
  if (word.startsWith("--")) return Object.hasOwn(globalArgs, word.slice(2).split("=", 1)[0]!);
  return Object.values(globalArgs).some((one) => "alias" in one && one.alias === word[1] && word[0] === "-");
}

/** @throws UsageError for a word that is no level */
function chooseLevel(word: string): void {
  const { levels, showLevel } = require("./words/print.ts") as typeof import("./words/print.ts");
  const level = levels.find((one) => one === word);
  if (!level)
    throw new UsageError(`--log-level: ${JSON.stringify(word)} is not a level`, `one of ${levels.join(", ")}`);
  showLevel(level);
}
