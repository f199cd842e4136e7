/** Command lines, strictly: every option is known, has its value, and stands where options may stand. Pure. */

import { UsageError } from "../../errors.ts";
import type { Argument, Arguments, Command, Refusal } from "./command.ts";

/** The hint where there is no better one. */
export const seeHelp = "see --help";

type Value = string | boolean | string[] | undefined;

/**
 * Parses the words after a command's name by its definition.
 * Options: `--name value`, `--name=value`, `-n value`, `-nvalue`, `-n=value`, `-it` for booleans, `--flag=false`.
 * The last of several wins unless the option may be repeated. `--` ends the options.
 * @throws UsageError naming the word, and the nearest known option.
 */
export function parseArgv(args: Arguments, argv: string[], how: { optionsFirst: boolean }): Record<string, Value> {
  const values = initialValues(args);
  const operands: string[] = [];
  const words = [...argv];
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === "--") {
      operands.push(...words);
      break;
    }
    if (word.startsWith("-") && word !== "-") parseWord(args, word, words, values);
    else operands.push(word, ...(how.optionsFirst ? words.splice(0) : []));
  }
  assignOperands(args, operands, values);
  return values;
}

/** The same by a command, to whose help people are sent. */
export function parseCommand({ meta, args, optionsFirst }: Command, argv: string[]): Record<string, Value> {
  try {
    return parseArgv(args, argv, { optionsFirst: optionsFirst ?? false });
  } catch (error) {
    throw withHelp(error, meta.name);
  }
}

/** The same failure with the name of the command whose help is meant. */
export function withHelp(error: unknown, name: string): unknown {
  if (!(error instanceof UsageError) || !error.hint?.endsWith(seeHelp)) return error;
  const command = name === "tinydocker" ? "" : `${name} `;
  return new UsageError(error.message, error.hint.replace(seeHelp, `see tinydocker ${command}--help`));
}

/** The first of the words, which is an option, and takes with it what belongs to it. */
export const parseOption = (args: Arguments, words: string[], values: Values): void =>
  parseWord(args, words.shift()!, words, values);

const parseWord = (args: Arguments, word: string, rest: string[], values: Values): void =>
  (word.startsWith("--") ? parseLong : parseShort)(args, word, rest, values);

function initialValues(args: Arguments): Record<string, Value> {
  const values: Record<string, Value> = {};
  for (const name in args) values[name] = args[name]!.multiple ? [] : args[name]!.default;
  return values;
}

type Values = Record<string, Value>;

function parseLong(args: Arguments, word: string, rest: string[], values: Values): void {
  const equals = word.indexOf("=");
  const written = equals < 0 ? word.slice(2) : word.slice(2, equals);
  const given = equals < 0 ? undefined : word.slice(equals + 1);
  // Not what every object has by nature: "constructor" is no option.
  const isKnown = Object.hasOwn(args, written);
  const name = isKnown ? written : (Object.keys(args).find((one) => args[one]!.formerly === written) ?? written);
  const definition = isKnown || name !== written ? args[name] : undefined;
  if (!definition && written === "help" && given !== undefined && !parseBoolean("--help", given)) return;
  if (!definition || definition.type === "positional") {
    throw new UsageError(`unknown option --${name}`, nearest(`--${name}`, optionNames(args)));
  }
  setValue(`--${written}`, name, definition, given, rest, values);
}

function parseShort(args: Arguments, word: string, rest: string[], values: Values): void {
  for (let letters = word.slice(1); letters !== ""; ) {
    const letter = letters[0]!;
    letters = letters.slice(1);
    const found = Object.entries(args).find(([, { alias, type }]) => alias === letter && type !== "positional");
    if (!found) {
      const inside = word.length > 2 ? ` in ${word}` : "";
      throw new UsageError(`unknown option -${letter}${inside}`, nearest(`-${letter}`, optionNames(args)));
    }
    const [name, definition] = found;
    if (definition.type === "boolean" && !letters.startsWith("=")) {
      setValue(`-${letter}`, name, definition, undefined, rest, values);
      continue;
    }
    const given = letters === "" ? undefined : letters.replace(/^=/, "");
    setValue(`-${letter}`, name, definition, given, rest, values);
    return;
  }
}

function setValue(
  shown: string,
  name: string,
  definition: Argument,
  given: string | undefined,
  rest: string[],
  values: Values,
): void {
  if (definition.type === "boolean") {
    const value = given === undefined ? true : parseBoolean(shown, given);
    if (definition.refused) refuse(shown, definition.refused, String(value));
    else values[name] = value;
    return;
  }
  const value = given ?? rest.shift();
  if (value === undefined)
    throw new UsageError(`option ${shown} needs a value`, `${shown} ${definition.valueHint ?? "VALUE"}`);
  if (definition.refused) refuse(shown, definition.refused, value);
  else if (!definition.multiple) values[name] = isNone(definition, value) ? definition.default : value;
  else if (!isNone(definition, value)) (values[name] as string[]).push(value);
}

const isNone = ({ multiple, empty = multiple ? "checked" : "none" }: Argument, value: string): boolean =>
  value === "" && empty === "none";

/** Nothing of what was asked for is ignored. A switch that is off, and nothing, ask for nothing. */
function refuse(shown: string, { why, hint, unless = ["false", ""] }: Refusal, value: string): void {
  if (unless.includes(value)) return;
  const given = value === "true" ? "" : ` ${value || '""'}`;
  throw new UsageError(`${shown}${given} ${why}`, hint);
}

function parseBoolean(shown: string, text: string): boolean {
  if (/^(true|1|t|yes)$/i.test(text)) return true;
  if (/^(false|0|f|no)$/i.test(text)) return false;
  throw new UsageError(`option ${shown} is true or false, not ${JSON.stringify(text)}`);
}

function assignOperands(args: Arguments, operands: string[], values: Values): void {
  const rest = [...operands];
  for (const [name, definition] of Object.entries(args)) {
    if (definition.type !== "positional") continue;
    if (definition.multiple) values[name] = rest.splice(0);
    else if (rest.length > 0) values[name] = rest.shift();
    const value = values[name];
    if (definition.required && (value === undefined || (Array.isArray(value) && value.length === 0))) {
      throw new UsageError(`${name.toUpperCase()} is missing`, seeHelp);
    }
  }
  if (rest.length > 0) throw new UsageError(`unexpected argument ${JSON.stringify(rest[0])}`, seeHelp);
}

const optionNames = (args: Arguments): string[] => [
  "--help",
  ...Object.entries(args).flatMap(([name, { type, alias }]) =>
    type === "positional" ? [] : [`--${name}`, ...(alias ? [`-${alias}`] : [])],
  ),
];

/** "did you mean ...", for a word that is nearly one of these; "see --help" otherwise. */
export function nearest(word: string, known: string[]): string {
  const scored = known.map((name) => ({ name, distance: editDistance(word, name) }));
  const [best] = scored.sort((a, b) => a.distance - b.distance);
  const tolerance = Math.max(1, Math.floor(word.replace(/^-+/, "").length / 3));
  // Any letter is near any other.
  if (!best || /^-?.?$/.test(word) || best.distance > tolerance) return seeHelp;
  return `did you mean ${best.name}?`;
}

/** Levenshtein's distance, with a swap of two neighbours counting as one. */
export function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, index) => index)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      row[j] = Math.min(row[j - 1]! + 1, rows[i - 1]![j]! + 1, rows[i - 1]![j - 1]! + cost);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) row[j] = Math.min(row[j]!, rows[i - 2]![j - 2]! + 1);
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}
