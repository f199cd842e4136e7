/** `--help`: screens made of the definitions that options are checked against. */

import { isatty } from "../linux/tty.ts";
import { commands } from "./commands.ts";
import { rootfsMode } from "./container/rootfs-mode.ts";
import { findCommand, groups, isGroup } from "./groups.ts";
import { type Command, type CommandGroup, commandGroups } from "./words/command.ts";
import { globalArgs } from "./words/global.ts";
import { type HelpScreen, operandsSection, optionSections, renderHelp, type Section, usageOf } from "./words/help.ts";
import { bold, printStyled } from "./words/print.ts";

/** Prints the help of a command, of a group, of a command in a group, or of tinydocker itself. */
export async function showHelp(name?: string, word?: string): Promise<number> {
  printStyled(renderHelp(await helpScreen(name, word), isatty(1) ? bold : undefined));
  return 0;
}

/** The same as data. @throws UsageError for a command that there is not. */
export async function helpScreen(name?: string, word?: string): Promise<HelpScreen> {
  if (name === undefined || name === rootfsMode.meta.name) return await overview();
  if (isGroup(name) && word === undefined) return await groupScreen(name);
  return commandScreen(await findCommand(commands, name, word));
}

/** Every screen there is, by the words that ask for it: for the reference, and for the test that holds them to 80 columns. */
export async function allScreens(): Promise<{ words: string[]; screen: HelpScreen }[]> {
  const asked: string[][] = [[]];
  for (const [name, load] of Object.entries(commands)) if (!(await load()).default.meta.hidden) asked.push([name]);
  for (const [name, { commands: members }] of Object.entries(groups))
    asked.push([name], ...Object.keys(members).map((word) => [name, word]));
  return await Promise.all(asked.map(async (words) => ({ words, screen: await helpScreen(...words) })));
}

const withProgram = (usage: string): string => `tinydocker ${usage}`;

function commandScreen(command: Command): HelpScreen {
  const { meta, args, examples } = command;
  return {
    usage: usageOf(command).map(withProgram),
    about: meta.description,
    sections: [
      operandsSection(args),
      ...optionSections({ ...args, help: globalArgs.help }),
      { title: "Examples", lines: examples },
    ],
  };
}

async function groupScreen(name: string): Promise<HelpScreen> {
  const { description, commands: members } = groups[name]!;
  const rows = Object.keys(members).map(async (word) => {
    const { meta } = await findCommand(commands, name, word);
    return [word, meta.description] as [string, string];
  });
  return {
    usage: [`tinydocker ${name} COMMAND`],
    about: description,
    sections: [{ title: "Commands", rows: await Promise.all(rows) }],
    footer: `\`tinydocker ${name} COMMAND --help\` lists the options of a command.`,
  };
}

async function overview(): Promise<HelpScreen> {
  const sections = await Promise.all(commandGroups.map(commandsUnder));
  const { command: _, ...rootfsOptions } = rootfsMode.args;
  const [options] = optionSections(globalArgs);
  const rootfsSection = optionSections(Object.fromEntries(Object.entries(rootfsOptions).map(ungrouped)));
  return {
    usage: ["tinydocker [GLOBAL OPTIONS] COMMAND [ARG...]", "tinydocker [OPTIONS] -- COMMAND [ARG...]"],
    about: "Run containers: one file, no daemon, nothing to install.",
    sections: [
      ...sections,
      { ...options!, title: "Global options, before the command" },
      { ...rootfsSection[0]!, title: "Options to run a command in a directory, without an image" },
      { title: "Examples", lines: ["tinydocker run busybox.tar -- sh", ...rootfsMode.examples] },
    ],
    footer: "`tinydocker COMMAND --help` lists the options of a command.",
  };
}

const ungrouped = ([name, { group: _, ...argument }]: [string, Command["args"][string]]) => [name, argument] as const;

/** Groups whose commands have short names as well: only what has none is listed by both words. */
const shortNamed = ["container", "image", "system"];

async function commandsUnder(title: CommandGroup): Promise<Section> {
  const short = Object.entries(commands).map(async ([name, load]) => ({ name, meta: (await load()).default.meta }));
  const members = Object.entries(groups)
    .filter(([, { heading = "System" }]) => heading === title)
    .flatMap(([name, group]) =>
      Object.keys(group.commands)
        .filter((word) => !shortNamed.includes(name) || !Object.hasOwn(commands, shortNameOf(name, word)))
        .map((word) => findCommand(commands, name, word)),
    );
  const listed = (await Promise.all(short)).filter(({ meta }) => !meta.hidden && (meta.group ?? "Run") === title);
  return {
    title,
    rows: [
      ...listed.map(({ name, meta }): [string, string] => [name, meta.description]),
      ...(await Promise.all(members)).map(({ meta }): [string, string] => [meta.name, meta.description]),
    ],
  };
}

/** `images` for `image ls`. */
function shortNameOf(group: string, word: string): string {
  const entry = groups[group]!.commands[word]!;
  return typeof entry === "string" ? entry : word;
}
