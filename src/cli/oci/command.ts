/** What a command of the OCI runtime is: as any other, but that it prints for programs, and has no state root of the engine. */

import type { Arguments, Values } from "../words/command.ts";

/** What stands before the command's name. */
export interface RuntimeGlobal {
  /** Where the states of containers are. */
  root: string;
  /** How their cgroups are made; "disabled" is that of the caller. */
  cgroups: "cgroupfs" | "systemd" | "disabled";
  warn(text: string): void;
  /** Something for those who look for a mistake (--debug). */
  debug(text: string): void;
}

export interface RuntimeCommand<Args extends Arguments = Arguments> {
  meta: { name: string; description: string };
  args: Args;
  /** Options end at the first operand: what follows belongs to a program. */
  optionsFirst?: true;
  /** It passes signals on, or undoes first what it has begun. */
  takesSignals?: true;
  /** What a failure of ours ends with, if not with 1. */
  failureCode?: number;
  /** @returns the exit code; 0 if nothing is returned. */
  run(args: Values<Args>, global: RuntimeGlobal): number | undefined | Promise<number | undefined>;
}

export const defineRuntimeCommand = <const Args extends Arguments>(command: RuntimeCommand<Args>): RuntimeCommand =>
  command as unknown as RuntimeCommand;

/** The operand of most. */
export const containerId = {
  type: "positional",
  required: true,
  description: "The name of the container, which its creator has chosen",
} as const;
