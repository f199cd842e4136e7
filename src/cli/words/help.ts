/** Help screens as text: a usage line, what it is about, and sections in two columns, wrapped to 80 columns. Pure. */

import { type Argument, type Arguments, type Command, type OptionGroup, optionGroups } from "./command.ts";

/** A heading and what stands under it: rows of two columns, or lines that are complete. */
export interface Section {
  title: string;
  rows?: [term: string, description: string][];
  lines?: string[];
}

/** All of a screen, from top to bottom. */
export interface HelpScreen {
  /** Without "Usage:"; one for each form. */
  usage: string[];
  about: string;
  sections: Section[];
  /** A last line: where to read on. */
  footer?: string;
}

export const helpColumns = 80;
const indent = 2;
/** A longer term has its description on the line below. */
const widestTerm = 26;

/** The screen as lines of at most 80 columns. @param emphasize what headings are printed with, for a terminal. */
export function renderHelp(
  { usage, about, sections, footer }: HelpScreen,
  emphasize = (heading: string): string => heading,
): string {
  const label = "Usage:";
  const head = usage
    .flatMap((line) => continueLine(line, helpColumns - label.length - 1))
    .map((line, index) => `${index === 0 ? emphasize(label) : " ".repeat(label.length)} ${line}`);
  const terms = sections.flatMap(({ rows = [] }) => rows.map(([term]) => term.length));
  const column = indent + Math.max(0, ...terms.filter((length) => length <= widestTerm)) + 2;
  const body = sections
    .filter(({ rows = [], lines = [] }) => rows.length + lines.length > 0)
    .flatMap(({ title, rows = [], lines = [] }) => [
      "",
      emphasize(`${title}:`),
      ...rows.flatMap(([term, description]) => renderRow(term, description, column)),
      ...lines.flatMap((line) => continueLine(line, helpColumns - indent)).map((line) => " ".repeat(indent) + line),
    ]);
  const foot = footer === undefined ? [] : ["", ...wrap(footer, helpColumns)];
  return [...head, "", ...wrap(about, helpColumns), ...body, ...foot].join("\n");
}

function renderRow(term: string, description: string, column: number): string[] {
  const lines = wrap(description, helpColumns - column);
  const first = " ".repeat(indent) + term;
  const rest = (some: string[]) => some.map((line) => " ".repeat(column) + line);
  if (first.length > column - 2) return [first, ...rest(lines)];
  return [`${first.padEnd(column)}${lines[0] ?? ""}`.trimEnd(), ...rest(lines.slice(1))];
}

/** Text in lines of at most so many characters, broken between words. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** A command for a shell, which goes on in the next line where it is too long: broken between words, and never in quotes. */
function continueLine(command: string, room: number): string[] {
  if (command.length <= room) return [command];
  let quote = "";
  let at = -1;
  for (let index = 0; index < room - 2; index++) {
    const character = command[index]!;
    if (quote !== "") quote = character === quote ? "" : quote;
    else if (character === "'" || character === '"') quote = character;
    else if (character === " " && index > 4) at = index;
  }
  if (at < 0) return [command];
  return [`${command.slice(0, at)} \\`, ...continueLine(`    ${command.slice(at + 1)}`, room)];
}

/** What a command line of this command looks like, without the program: `stop [OPTIONS] CONTAINER...`. */
export function usageOf({ meta, args, optionsFirst }: Command): string[] {
  if (meta.usage) return meta.usage.map((form) => `${meta.name} ${form}`);
  const operands = Object.entries(args).flatMap(([name, argument]) =>
    argument.type === "positional" ? [operandUsage(name, argument, Boolean(optionsFirst))] : [],
  );
  const hasOptions = Object.values(args).some(({ type }) => type !== "positional");
  return [[meta.name, ...(hasOptions ? ["[OPTIONS]"] : []), ...operands].join(" ")];
}

function operandUsage(name: string, { required, multiple }: Argument, optionsFirst: boolean): string {
  const word = name.toUpperCase();
  // The words of a command have a name that says more.
  const text = !multiple ? word : optionsFirst && name === "command" ? `${word} [ARG...]` : `${word}...`;
  return required ? text : `[${text}]`;
}

/** The operands, if there is something to say about them. */
export const operandsSection = (args: Arguments): Section => ({
  title: "Arguments",
  rows: Object.entries(args).flatMap(([name, { type, description, multiple }]) =>
    type === "positional" ? [[`${name.toUpperCase()}${multiple ? "..." : ""}`, description] as [string, string]] : [],
  ),
});

/** The options under their headings; under "Options" if none of them names its own. */
export function optionSections(args: Arguments): Section[] {
  const options = Object.entries(args).filter(([, { type, hidden }]) => type !== "positional" && !hidden);
  const grouped = options.some(([, { group }]) => group !== undefined);
  const titles: readonly (OptionGroup | "Options")[] = grouped ? optionGroups : ["Options"];
  return titles.map((title) => ({
    title,
    rows: options
      .filter(([, { group }]) => !grouped || (group ?? "General") === title)
      .map(([name, argument]) => [optionTerm(name, argument), argument.description]),
  }));
}

/** `-m, --memory size`, or `    --rm`. */
export function optionTerm(name: string, { alias, type, valueHint }: Argument): string {
  const letter = alias === undefined ? "    " : `-${alias}, `;
  return `${letter}--${name}${type === "string" ? ` ${valueHint ?? "value"}` : ""}`;
}
