/** What a program in a container gets of whoever calls us: a terminal, and variables. */

import { hasCode, SyscallError, UsageError } from "../../errors.ts";
import { readBytes } from "../../linux/file.ts";
import { withUnblocked } from "../../linux/signal.ts";
import { isatty } from "../../linux/tty.ts";
import { isDoubtful } from "../../paths.ts";
import { forwarded } from "../../runtime/forwarded.ts";

/** With nothing said: a person at a terminal gets one; a script, a pipe or something in the background does not. */
export const wantsTerminal = ({ tty, detach }: { tty?: boolean | undefined; detach?: boolean | undefined }): boolean =>
  tty ?? (!detach && isatty(0) && isatty(1));

const utf8 = () => require("../words/utf8.ts") as typeof import("../words/utf8.ts");

/** The variables of `--env-file`, then those of `--env`. */
export function readEnv(args: { "env-file": string[]; env: string[] }): string[] {
  if (args["env-file"].length + args.env.length === 0) return [];
  const { parseEnv, parseEnvFile } = require("../words/units.ts") as typeof import("../words/units.ts");
  const env: string[] = [];
  const checked = (option: string, entries: string[]) => {
    // Of files it was checked before, and what stands on the command line too: it is the caller's own variable.
    for (const entry of entries) if (isDoubtful(entry)) utf8().checkVariable(option, entry.split("=", 1)[0]!);
    return entries;
  };
  for (const file of args["env-file"]) {
    const text = readOptionFile("--env-file", file);
    env.push(...checked(`--env-file ${file}`, parseEnvFile(file, text, process.env)));
  }
  for (const text of args.env) env.push(...checked("--env", parseEnv("--env", text, process.env)));
  return env;
}

function bytesOf(option: string, path: string): Uint8Array {
  try {
    return readBytes(path);
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR")) throw new UsageError(`${option}: there is no file ${path || '""'}`);
    if (hasCode(error, "EISDIR")) throw new UsageError(`${option}: ${path} is a directory, not a file`);
    if (error instanceof SyscallError) throw new UsageError(`${option} ${path}: ${error.message}`);
    throw error;
  }
}

/** A file that an option names, as text. It may be a pipe, so it is read once, and a signal ends the wait for who writes it. */
export function readOptionFile(option: string, path: string): string {
  const bytes = withUnblocked(forwarded, () => bytesOf(option, path));
  const text = new TextDecoder().decode(bytes);
  if (isDoubtful(text)) utf8().checkFile(option, path, bytes);
  return text;
}
