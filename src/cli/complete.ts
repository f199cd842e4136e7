/** `tinydocker __complete -- WORD...`: what the last of these words may become; the shells' completion asks this (completion.ts). */

import { listContainers } from "../engine/record/container.ts";
import { listNetworks } from "../engine/record/network.ts";
import { listSecrets } from "../engine/record/secret.ts";
import { listVolumes } from "../engine/record/volume.ts";
import { listImages } from "../image/store.ts";
import { absolutePath, pathsOf } from "../paths.ts";
import { rootfsMode } from "./container/rootfs-mode.ts";
import { isGlobal } from "./given.ts";
import { findCommand, groups, isGroup } from "./groups.ts";
import { type Argument, type Arguments, type Command, type Commands, defineCommand } from "./words/command.ts";
import { globalArgs } from "./words/global.ts";
import { levels, plain, printLine } from "./words/print.ts";

/** What a word may become, and whether names of files are meant as well. */
export interface Completion {
  candidates: { word: string; description?: string }[];
  files: "files" | "directories" | "nothing";
}

export default defineCommand({
  meta: { name: "__complete", description: "Complete a command line", hidden: true },
  args: { words: { type: "positional", multiple: true, description: "The words so far" } },
  examples: [],
  run: async ({ words }, { root, commands }) => {
    try {
      const { candidates, files } = await complete(commands, words, root);
      for (const { word, description = "" } of candidates) printLine(`${word}\t${description}`);
      printLine(`:${files}`);
    } catch {
      // Somebody is typing: this is no time for an error.
    }
    return 0;
  },
});

/** @param words of the command line without the program; the last is being typed, and may be empty. */
export async function complete(commands: Commands, words: string[], root: string): Promise<Completion> {
  const current = words.at(-1) ?? "";
  const before = words.slice(0, -1);
  const found = await afterGlobal(commands, before, current, root);
  const candidates = found.candidates.filter(({ word }) => word.startsWith(current) && word === plain(word));
  return { ...found, candidates };
}

async function afterGlobal(commands: Commands, before: string[], current: string, root: string): Promise<Completion> {
  const [first, ...rest] = before;
  const waiting = first?.includes("=") ? undefined : optionWithoutValue(globalArgs, first ?? "");
  if (waiting && rest.length === 0) return completeGlobal(waiting[0]);
  if (waiting || isGlobal(first)) {
    const named = waiting?.[0] === "root" ? rest[0] : /^--root=(.*)/s.exec(first!)?.[1];
    const elsewhere = named ? absolutePath(named, process.cwd()) : root;
    return await afterGlobal(commands, waiting ? rest.slice(1) : rest, current, elsewhere);
  }
  if (first?.startsWith("-")) return completeArguments(rootfsMode, before, current, root);
  if (first === undefined && !current.startsWith("-")) return only(await commandNames(commands));
  if (first === undefined) return only(optionNames({ ...globalArgs, ...rootfsMode.args }));
  if (first === "help") return only(rest.length === 0 ? await commandNames(commands) : []);
  // It takes the words of another command, and knows only this one.
  if (first === "explain" && !/^-/.test(rest[0] ?? current))
    return rest.length === 0 ? only([{ word: "run" }]) : await afterGlobal(commands, rest, current, root);
  const [word, ...others] = rest;
  if (!isGroup(first)) return completeArguments(await findCommand(commands, first), rest, current, root);
  if (word === undefined) return only(memberNames(first));
  return completeArguments(await findCommand(commands, first, word), others, current, root);
}

/** What the value of a global option may be. */
function completeGlobal(name: string): Completion {
  if (name === "root") return { candidates: [], files: "directories" };
  if (name === "firewall") return only([{ word: "nft" }, { word: "iptables" }]);
  if (name === "log-level") return only(levels.map((word) => ({ word })));
  return { candidates: [], files: name === "config" ? "files" : "nothing" };
}

const only = (candidates: Completion["candidates"]): Completion => ({ candidates, files: "nothing" });

async function commandNames(commands: Commands): Promise<Completion["candidates"]> {
  const names = Object.entries(commands).map(async ([word, load]) => {
    const { meta } = (await load()).default;
    return meta.hidden ? [] : [{ word, description: meta.description }];
  });
  return [
    ...(await Promise.all(names)).flat(),
    ...Object.entries(groups).map(([word, { description }]) => ({ word, description })),
    { word: "help", description: "Print the help of a command" },
  ];
}

const memberNames = (group: string): Completion["candidates"] =>
  Object.keys(groups[group]!.commands).map((word) => ({ word }));

/** The options or operands that a command takes at this place. */
function completeArguments(command: Command, before: string[], current: string, root: string): Completion {
  const { pending, operands, ended } = readWords(command, before);
  if (pending) return completeValue(pending, "", root);
  const inner = Boolean(command.optionsFirst) && operands > 0;
  if (!inner && !ended && current.startsWith("-")) {
    const [, name = "", equals] = /^--([^=]*)(=)?/s.exec(current) ?? [];
    const option = equals && Object.hasOwn(command.args, name) ? command.args[name] : undefined;
    if (option && option.type !== "positional") return completeValue([name, option], `--${name}=`, root);
    return only(optionNames({ ...command.args, help: globalArgs.help }));
  }
  const positionals = Object.entries(command.args).filter(([, { type }]) => type === "positional");
  const positional = positionals[Math.min(operands, positionals.length - 1)];
  const exhausted = operands >= positionals.length && !positional?.[1].multiple;
  return positional && !exhausted ? completeValue(positional, "", root) : only([]);
}

/** Goes over the words that are there: how many operands, and which option waits for its value. */
function readWords({ args, optionsFirst }: Command, words: string[]) {
  let operands = 0;
  let ended = false;
  let pending: [string, Argument] | undefined;
  for (const word of words) {
    if (pending) pending = undefined;
    else if (ended || (optionsFirst && operands > 0) || !/^-./s.test(word)) operands++;
    else if (word === "--") ended = true;
    else if (!word.includes("=")) pending = optionWithoutValue(args, word);
  }
  return { pending, operands, ended };
}

function optionWithoutValue(args: Arguments, word: string): [string, Argument] | undefined {
  const options = Object.entries(args).filter(([, { type }]) => type !== "positional");
  if (word.startsWith("--")) return options.find(([name, { type }]) => `--${name}` === word && type === "string");
  // Of letters together only the last can wait: one that takes a value takes the rest of the word.
  for (const [at, letter] of [...word.slice(1)].entries()) {
    const option = options.find(([, { alias }]) => alias === letter);
    if (option?.[1].type === "string") return at === word.length - 2 ? option : undefined;
  }
  return undefined;
}

const optionNames = (args: Arguments): Completion["candidates"] =>
  Object.entries(args).flatMap(([name, { type, alias, description, hidden }]) =>
    type === "positional" || hidden
      ? []
      : [{ word: `--${name}`, description }, ...(alias ? [{ word: `-${alias}`, description }] : [])],
  );

/** What a value may be, by what its definition calls it. */
function completeValue([name, argument]: [string, Argument], prefix: string, root: string): Completion {
  const hint = argument.valueHint ?? "";
  const listed = (words: string[], files: Completion["files"] = "nothing"): Completion => ({
    candidates: words.map((word) => ({ word: prefix + word })),
    files,
  });
  if (argument.type === "boolean") return listed(["true", "false"]);
  if (name === "container" || name === "link" || hint === "container") return listed(containerNames(root));
  // An image may be a tar as well, for the commands that run one.
  if (name === "image" || hint === "image") return listed(imageNames(root), argument.multiple ? "nothing" : "files");
  if (name === "volume" && argument.type === "positional") return listed(volumeNames(root));
  if (name === "secret") return listed(secretNames(root));
  if (name === "network") return listed(networkNames(root));
  if (name === "reference") return listed(imageNames(root));
  if (name === "format") return listed(["json", "table"]);
  if (/^[\w-]+(\|[\w-]+)+$/.test(hint)) return listed(hint.split("|"));
  if (/^(dir|path|rootfs)/.test(hint)) return listed([], "directories");
  return listed([], /file|host|^$/.test(hint) && prefix === "" ? "files" : "nothing");
}

const containerNames = (root: string): string[] =>
  ifAllowed(() => listContainers(pathsOf(root))).map(({ record }) => record.name);

const volumeNames = (root: string): string[] => ifAllowed(() => listVolumes(pathsOf(root))).map(({ name }) => name);

const secretNames = (root: string): string[] => ifAllowed(() => listSecrets(pathsOf(root))).map(({ name }) => name);

/** Those that are always there first. */
const networkNames = (root: string): string[] => [
  ...new Set(["bridge", "none", "host", ...ifAllowed(() => listNetworks(pathsOf(root))).map(({ name }) => name)]),
];

/** By name; without the tag that would be understood anyway. */
function imageNames(root: string): string[] {
  const references = ifAllowed(() => listImages(pathsOf(root))).flatMap((image) => image.references);
  return references.flatMap((name) => (name.endsWith(":latest") ? [name.slice(0, -":latest".length), name] : [name]));
}

/** Only root may look into the state root; who may not can still complete what is not a name. */
function ifAllowed<Item>(list: () => Item[]): Item[] {
  try {
    return list();
  } catch {
    return [];
  }
}
