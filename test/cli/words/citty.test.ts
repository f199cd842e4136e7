/** The definitions of commands are citty's, so citty reads them, and a plain command line as we do. */

import { expect, test } from "bun:test";
import { type ArgsDef, parseArgs, renderUsage } from "citty";
import { commands } from "../../../src/cli/commands.ts";
import { findCommand, groups } from "../../../src/cli/groups.ts";
import { parseArgv } from "../../../src/cli/words/argv.ts";
import type { Arguments } from "../../../src/cli/words/command.ts";

const names = [
  ...Object.keys(commands).map((name) => [name]),
  ...Object.entries(groups).flatMap(([group, { commands: members }]) =>
    Object.keys(members).map((word) => [group, word]),
  ),
];

/** As citty has it: an operand is required unless the definition says that it is not. */
const asCitty = (args: Arguments): ArgsDef =>
  Object.fromEntries(Object.entries(args).map(([name, one]) => [name, { required: false, ...one }])) as ArgsDef;

test("each option of each command has the same value for citty and for us", async () => {
  for (const [name, word] of names) {
    const { args } = await findCommand(commands, name!, word);
    const operands = Object.values(args).flatMap(({ type, required }) =>
      type === "positional" && required ? "x" : [],
    );
    for (const [option, { type, multiple, refused }] of Object.entries(args)) {
      if (refused) continue;
      // `--no-x` takes x away for citty; ours are options of that name, as Docker's.
      if (type === "positional" || option.startsWith("no-")) continue;
      const argv = [`--${option}`, ...(type === "string" ? ["value"] : []), ...operands];
      const ours: unknown = parseArgv(args, argv, { optionsFirst: false })[option];
      // It knows no options that may be repeated.
      const theirs: unknown = parseArgs(argv, asCitty(args))[option];
      expect<unknown>([name, word, option, multiple ? [theirs] : theirs]).toEqual([name, word, option, ours]);
    }
  }
});

test("citty makes a help of each command", async () => {
  for (const [name, word] of names) {
    const { meta, args } = await findCommand(commands, name!, word);
    expect(await renderUsage({ meta, args: asCitty(args) })).toContain(meta.description);
  }
});
