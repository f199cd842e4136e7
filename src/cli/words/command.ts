/** What a command is: a citty definition, kept strict by our own parser (argv.ts), with screens of our own (cli/help.ts). */

import type { ArgDef, CommandMeta } from "citty";

/** The headings that the options of a command with many of them stand under, in this order. */
export const optionGroups = [
  "General",
  "Process",
  "Lifecycle",
  "Resources",
  "Network",
  "Storage",
  "Security",
  "Health",
  "Logging",
] as const;
export type OptionGroup = (typeof optionGroups)[number];

/** The headings that commands stand under in the overview, in this order. */
export const commandGroups = ["Run", "Inspect", "Images", "Networks", "Volumes and secrets", "System"] as const;
export type CommandGroup = (typeof commandGroups)[number];

/** One option or operand. As citty's, and `multiple`: may be given several times (an operand: takes all that follow). */
export interface Argument extends Pick<ArgDef, "description" | "valueHint" | "required"> {
  type: "boolean" | "string" | "positional";
  description: string;
  /** Its heading in --help; "General" if it does not say. */
  group?: OptionGroup;
  alias?: string;
  /** The long name that Docker had for it before: scripts use it, and help does not tell it. */
  formerly?: string;
  default?: string | boolean;
  multiple?: true;
  /** Help and completion do not list it. */
  hidden?: true;
  /**
   * What an empty value is: one to be checked as any other, or none, as if the option were not given. As with Docker it is none
   * unless this says otherwise, but one where an option may be repeated.
   */
  empty?: "checked" | "none";
  /** Docker has it, and there is no such thing here: whoever uses it is told so. */
  refused?: Refusal;
}

/** Why an option is refused by its name, and what to do instead. */
export interface Refusal {
  /** After the option's name: "is not supported yet". */
  why: string;
  hint?: string;
  /** Values that ask for what is so anyway. */
  unless?: readonly string[];
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

/** As citty's, and what --help needs to put it in its place. */
export interface Meta extends Pick<CommandMeta, "hidden"> {
  name: string;
  description: string;
  /** Its heading in the overview; "Run" if it does not say. A command of a group stands under the group's. */
  group?: CommandGroup;
  /** What follows its name, one for each form, where the definitions of its operands do not say it all. */
  usage?: string[];
}

export interface Command<Args extends Arguments = Arguments> {
  meta: Meta;
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
