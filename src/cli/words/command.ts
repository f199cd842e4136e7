/** What a command is: a citty definition, kept strict by our own parser (argv.ts), with help by citty's renderer (cli/help.ts). */

import type { CommandDef } from "citty";

/** One option or operand. As citty's, and `multiple`: may be given several times (an operand: takes all that follow). */
export interface Argument {
  type: "boolean" | "string" | "positional";
  description: string;
  alias?: string;
  /** The long name that Docker had for it before: scripts use it, and help does not tell it. */
  formerly?: string;
  valueHint?: string;
  required?: boolean;
  default?: string | boolean;
  multiple?: true;
}

export type Arguments = Record<string, Argument>;

/** What a definition's values look like after parsing; undefined is what the user did not say. */
export type Values<Args extends Arguments> = {
  [Name in keyof Args]: Args[Name] extends { multiple: true }
    ? string[]
    : Args[Name] extends { type: "boolean" }
      ? boolean | undefined
      : Args[Name] extends { required: true } | { default: string }
        ? string
        : string | undefined;
};

/** What every command may need of the words before it. */
export interface Global {
  /** The state root. */
  root: string;
  /** All there are (cli/commands.ts), for those commands that are about the others. */
  commands: Commands;
}

export interface Command<Args extends Arguments = Arguments> {
  meta: { name: string; description: string; hidden?: boolean };
  args: Args;
  /** Lines for the end of --help, each a command that works. */
  examples: string[];
  /** Options end at the first operand: what follows belongs to the container. */
  optionsFirst?: true;
  /** Signals do not end it at once: it passes them on, or cleans up first. */
  takesSignals?: true;
  /** @returns the exit code; 0 if nothing is returned. */
  run(args: Values<Args>, global: Global): number | undefined | Promise<number | undefined>;
}

/** Loads a command when it is called: what a run does not need costs it nothing. */
export type Loader = () => { default: Command } | Promise<{ default: Command }>;

/** Commands by name. */
export type Commands = Record<string, Loader>;

/** A command, with the types of its values inferred from its definition. */
export const defineCommand = <const Args extends Arguments>(command: Command<Args>): Command =>
  command as unknown as Command;

/** The same definition as citty knows it. */
export function asCitty(command: Command): CommandDef {
  // citty takes an operand for required unless told otherwise.
  const args = Object.entries(command.args).map(([name, argument]) => [name, { required: false, ...argument }]);
  return { meta: command.meta, args: Object.fromEntries(args) };
}
