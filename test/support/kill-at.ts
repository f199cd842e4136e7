/** Kills one of tinydocker's processes right before a chosen system call of it (kill-at.c), as no clock could. */

import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { binary, type Result } from "./cli.ts";
import { compiled } from "./compile.ts";
import type { Machine } from "./containers.ts";

export type Role = "cli" | "monitor" | "init";

export interface Killed extends Result {
  /** The system call it did not do any more; undefined if the process had ended before that many. */
  before: string | undefined;
}

/** Runs the binary and kills its process of that role before its step number `step`, counted from 1. */
export const killAt = (machine: Machine, role: Role, step: number, words: string[]): Promise<Killed> =>
  disturb(machine, role, step, words);

/** Runs the binary and has its process's first call of this number fail with EPERM. `before` is undefined if there was none. */
export const failCall = (machine: Machine, role: Role, number: number, words: string[]): Promise<Killed> =>
  disturb(machine, `${role}/${number}`, 1, words);

async function disturb(machine: Machine, role: string, step: number, words: string[]): Promise<Killed> {
  const { argv, before } = disturbance(machine.tmp, role, step);
  const result = await machine.exec([...argv, binary(), ...words]);
  return { ...result, before: before() };
}

/**
 * What disturbs a program whose words come after these.
 * @param role as kill-at.c has it: `cli` to kill that process, `cli/any` to have a call of it fail.
 * @returns the words, and what says afterwards which call was not made, by its name or number.
 */
export function disturbance(
  tmp: string,
  role: string,
  step: number,
): { argv: string[]; before: () => string | undefined } {
  const told = join(tmp, "told");
  const script = 'exec 3>"$0"; exec "$@"';
  const before = () => {
    const [, name] = /^(?:killed|failed) \d+ (\w+)$/m.exec(readFileSync(told, "utf8")) ?? [];
    rmSync(told);
    return name;
  };
  return { argv: ["sh", "-c", script, told, compiled("kill-at.c"), role, String(step)], before };
}
