/** `--filter key=value`: what a list leaves out. Values of one key are alternatives; different keys, and labels, must all be so. Pure. */

import { UsageError } from "../../errors.ts";
import { nearest } from "./argv.ts";

/** What a value of a key chooses; made once for each value, so that a bad one is refused before anything is listed. */
export type Filters<Row> = Record<string, (value: string) => (row: Row) => boolean>;

/** Keys whose values must all be so. */
const cumulative = new Set(["label", "label!"]);

/**
 * What a list keeps.
 *
 *     const keep = parseFilters(args.filter, { label: labelFilter((row) => row.labels), name: (text) => (row) => ... });
 *     printList(listing, rows.filter(keep), args);
 *
 * @throws UsageError for a word without "=", or a key that is not known, with those that are
 */
export function parseFilters<Row>(words: string[], filters: Filters<Row>): (row: Row) => boolean {
  const asked = new Map<string, ((row: Row) => boolean)[]>();
  for (const word of words) {
    const equals = word.indexOf("=");
    if (equals < 0) throw new UsageError(`--filter: ${JSON.stringify(word)} is not key=value`, known(filters));
    const key = word.slice(0, equals).trim().toLowerCase();
    const make = Object.hasOwn(filters, key) ? filters[key] : undefined;
    if (!make)
      throw new UsageError(`--filter: invalid filter ${JSON.stringify(key)}: ${known(filters)}`, near(key, filters));
    asked.set(key, [...(asked.get(key) ?? []), make(word.slice(equals + 1).trim())]);
  }
  return (row) =>
    [...asked].every(([key, tests]) =>
      cumulative.has(key) ? tests.every((holds) => holds(row)) : tests.some((holds) => holds(row)),
    );
}

const known = (filters: Filters<never>): string => `the filters are ${Object.keys(filters).join(", ")}`;
const near = (key: string, filters: Filters<never>): string => nearest(key, Object.keys(filters));

/** `label=name` or `label=name=value`. */
export const labelFilter =
  <Row>(labelsOf: (row: Row) => Record<string, string> | undefined): Filters<Row>[string] =>
  (text) => {
    const equals = text.indexOf("=");
    const name = equals < 0 ? text : text.slice(0, equals);
    return (row) => {
      const labels = labelsOf(row) ?? {};
      return Object.hasOwn(labels, name) && (equals < 0 || labels[name] === text.slice(equals + 1));
    };
  };

/** `label=` and `label!=`: has it, or has it not. */
export function labelFilters<Row>(labelsOf: (row: Row) => Record<string, string> | undefined): Filters<Row> {
  const labelled = labelFilter(labelsOf);
  return {
    label: labelled,
    "label!": (text) => {
      const has = labelled(text);
      return (row) => !has(row);
    },
  };
}

/** `key=true` or `key=false`, in Go's spellings. */
export const booleanFilter =
  <Row>(key: string, holds: (row: Row) => boolean): Filters<Row>[string] =>
  (text) => {
    if (!/^(true|false|[01tf])$/i.test(text))
      throw new UsageError(`--filter: ${key} is true or false, not ${JSON.stringify(text)}`);
    const wanted = /^(true|1|t)$/i.test(text);
    return (row) => holds(row) === wanted;
  };

/** A name's part, or a regular expression for it, as Docker has it. */
export function asPattern(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch {
    return new RegExp(RegExp.escape(text));
  }
}

/**
 * A pattern as of Go's path.Match: `*` and `?` stop at a slash, `[a-z]` and `[^a-z]` are one character, `\` takes the next
 * one as it is.
 */
export function globPattern(glob: string): RegExp {
  const parts = glob.match(/\\.|\[\^?(?:\\.|[^\]\\])+\]|[\s\S]/gu) ?? [];
  const regex = parts.map((part) => {
    if (part === "*") return "[^/]*";
    if (part === "?") return "[^/]";
    if (part.length > 1 && part.startsWith("[")) return classPattern(part);
    return RegExp.escape(part.length > 1 && part.startsWith("\\") ? part.slice(1) : part);
  });
  return new RegExp(`^${regex.join("")}$`, "su");
}

/** The range of a character class is written the same in both languages, but for what else has a meaning in ours. */
function classPattern(part: string): string {
  const inside = part.slice(part[1] === "^" ? 2 : 1, -1);
  const members = inside.match(/(?:\\.|.)(?:-(?:\\.|.))?/gsu) ?? [];
  const ends = members.map((member) =>
    member.match(/\\.|[\s\S]/gu)!.map((char) => RegExp.escape(char.replace(/^\\(?=.)/s, ""))),
  );
  const ranges = ends.map(([first, , last]) => (last === undefined ? first : `${first}-${last}`));
  try {
    return new RegExp(`[${part[1] === "^" ? "^" : ""}${ranges.join("")}]`, "u").source;
  } catch {
    throw new UsageError(`--filter: ${JSON.stringify(part)} is not a valid range of characters`, "as in [a-z]");
  }
}
