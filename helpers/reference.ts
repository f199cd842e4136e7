/** `npm run reference` writes docs/reference.md: every command and option, from the definitions that --help is made of. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { commands } from "../src/cli/commands.ts";
import { rootfsMode } from "../src/cli/container/rootfs-mode.ts";
import { findCommand, groups } from "../src/cli/groups.ts";
import { type Arguments, type Command, commandGroups, optionGroups } from "../src/cli/words/command.ts";
import { globalArgs } from "../src/cli/words/global.ts";
import { usageOf } from "../src/cli/words/help.ts";

export const path = join(import.meta.dir, "../docs/reference.md");

/** The page. */
export async function reference(): Promise<string> {
  const sections = await Promise.all(commandGroups.map(commandsUnder));
  const lines = [
    "# Command reference",
    "",
    "Generated from the definitions by `npm run reference`; `tinydocker COMMAND --help` prints the same.",
    "",
    "Options are written `--name value` or `--name=value`, short ones `-n value` or `-nvalue`; a switch is turned off by",
    "`--name=false`. An option marked with * may be given several times. `--` ends the options.",
    "",
    "## Global options",
    "",
    "They stand before the command.",
    "",
    ...optionTable(globalArgs, []),
    "## Rootfs mode",
    "",
    "```",
    "tinydocker [OPTIONS] -- COMMAND [ARG...]",
    "```",
    "",
    `${rootfsMode.meta.description}.`,
    "",
    ...optionTable(rootfsMode.args, []),
    ...commandGroups.flatMap((title, index) => [`## ${title}`, "", ...sections[index]!.flatMap(describe)]),
    "## Commands in groups",
    "",
    "The same commands by what they are about.",
    "",
    "| | |",
    "|---|---|",
    ...Object.entries(groups).flatMap(([group, { commands: members }]) =>
      Object.entries(members).flatMap(([word, short]) =>
        typeof short === "string" ? [`| \`${group} ${word}\` | [${short}](#${anchor(short)}) |`] : [],
      ),
    ),
  ];
  return `${lines.join("\n")}\n`;
}

const anchor = (name: string): string => name.replaceAll(" ", "-");

/** Commands with a short name, then those of groups that have none. */
async function commandsUnder(title: (typeof commandGroups)[number]): Promise<Command[]> {
  const short = await Promise.all(Object.keys(commands).map((name) => findCommand(commands, name)));
  const members = Object.entries(groups)
    .filter(([, { heading = "System" }]) => heading === title)
    .flatMap(([name, { commands: words }]) =>
      Object.keys(words).flatMap((word) => (typeof words[word] === "string" ? [] : findCommand(commands, name, word))),
    );
  return [
    ...short.filter(({ meta }) => !meta.hidden && (meta.group ?? "Run") === title),
    ...(await Promise.all(members)),
  ];
}

function describe(command: Command): string[] {
  const { meta, args, examples } = command;
  return [
    `### ${meta.name}`,
    "",
    "```",
    ...usageOf(command).map((usage) => `tinydocker ${usage}`),
    "```",
    "",
    `${meta.description}.`,
    "",
    ...operandTable(args),
    ...optionTable(args, optionGroups),
    ...(examples.length > 0 ? ["```sh", ...examples, "```", ""] : []),
  ];
}

function operandTable(args: Arguments): string[] {
  const rows = Object.entries(args).flatMap(([name, { type, description, multiple }]) =>
    type === "positional" ? [`| ${name.toUpperCase()}${multiple ? "..." : ""} | ${cell(description)} |`] : [],
  );
  return table("argument", rows);
}

/** One table, or one for each heading where options have some. */
function optionTable(args: Arguments, titles: readonly string[]): string[] {
  const options = Object.entries(args).filter(([, { type, hidden }]) => type !== "positional" && !hidden);
  const row = ([name, { alias, type, valueHint, description, multiple }]: (typeof options)[number]): string => {
    const value = type === "string" ? ` ${valueHint ?? "value"}` : "";
    const letter = alias === undefined ? "" : `-${alias}, `;
    return `| \`${cell(`${letter}--${name}${value}`)}\`${multiple ? " *" : ""} | ${cell(description)} |`;
  };
  if (titles.length === 0 || !options.some(([, { group }]) => group)) return table("option", options.map(row));
  return titles.flatMap((title) =>
    table(title, options.filter(([, { group = "General" }]) => group === title).map(row)),
  );
}

const table = (heading: string, rows: string[]): string[] =>
  rows.length > 0 ? [`| ${heading} | |`, "|---|---|", ...rows, ""] : [];

const cell = (text: string): string => text.replaceAll("|", "\\|");

if (import.meta.main) writeFileSync(path, await reference());
