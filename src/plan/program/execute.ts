/** Becoming the program, as records: execvp(3)'s search. */

import { ENOENT } from "../../linux/errno.ts";
import { Block, type Given, Label, names } from "../../linux/program/record.ts";
import { room } from "../../linux/program/writer.ts";
import type { InitStep } from "../init-step.ts";
import { type Context, given } from "./context.ts";

type Of<Kind> = Extract<InitStep, { do: Kind }>;

/** What a PATH search goes on after. */
export const notHere = ["ENOENT", "ENOTDIR", "EACCES"] as const;
const nothing = ["ENOENT", "ENOTDIR"] as const;

/**
 * The program by the PATH of the container's environment. If no directory has one that can be executed, the first file that is
 * there is tried once more, so that its errno is told: EACCES, or ENOENT for an interpreter that is not there.
 */
export function execute({ writer }: Context, step: Of<"execute"> | Of<"reap">): void {
  const { args, env } = step;
  const path = "path" in step ? step.path : undefined;
  const argv = new Block("argv", { strings: args });
  const envp = new Block("envp", { strings: path === undefined ? withHome(env) : env });
  const candidates = path === undefined ? candidatesOf(args[0]!, env) : [path];
  const ok = "alone" in step ? alone().notExecuted : notHere;
  for (const path of candidates) writer.call("execve", [path, argv, envp], { ok });
  for (const path of candidates) {
    const next = new Label();
    writer.about(path);
    writer.call("statx", [names("AT_FDCWD"), path, 0, names("STATX_TYPE"), room("statx", 256)], {
      ok: nothing,
      to: next,
    });
    if ("alone" in step) alone().executeAlone(writer, path, [path, argv, envp]);
    else writer.call("execve", [path, argv, envp]);
    writer.label(next);
  }
  writer.about(args[0]!);
  writer.add(-ENOENT, 0);
}

/** Loaded for those who are on their own by then. */
const alone = () => require("./alone.ts") as typeof import("./alone.ts");

/** HOME is what /etc/passwd says unless somebody has set it. */
const withHome = (env: string[]): (string | Given)[] =>
  env.some((entry) => entry.startsWith("HOME=")) ? env : [...env, given.home];

/** Where a program of this name may be. */
export function candidatesOf(program: string, env: string[]): string[] {
  if (program === "") return [];
  if (program.includes("/")) return [program];
  return searchPath(env).map((directory) => `${directory || "."}/${program}`);
}

const searchPath = (env: string[]): string[] =>
  (env.findLast((entry) => entry.startsWith("PATH="))?.slice("PATH=".length) ?? "/bin:/usr/bin").split(":");
