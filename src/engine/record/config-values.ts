/** Values of the configuration file, each of its kind or refused by its key. Pure. */

import { UsageError } from "../../errors.ts";

export function entriesOf(value: unknown, at: string): [string, unknown][] {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return Object.entries(value);
  throw wrongKind(at, "an object");
}

export function listOf(value: unknown, at: string): unknown[] {
  if (Array.isArray(value)) return value;
  throw wrongKind(at, "a list");
}

export function textOf(value: unknown, at: string): string {
  if (typeof value === "string" && value !== "" && !value.includes("\0")) return value;
  throw wrongKind(at, "text");
}

export function absoluteOf(value: unknown, at: string): string {
  const path = textOf(value, at);
  if (path.startsWith("/")) return path;
  throw wrongKind(at, "an absolute path");
}

export const wrongKind = (at: string, what: string): UsageError =>
  new UsageError(at === "" ? `it is not ${what}` : `${at} is not ${what}`);

export const unknownKey = (key: string, known: readonly string[]): UsageError =>
  new UsageError(`unknown key ${JSON.stringify(key)}`, `known: ${known.join(", ")}`);

/** What a parser of options says of a value, with the key before it. */
export function inKey<Value>(at: string, parse: () => Value): Value {
  try {
    return parse();
  } catch (error) {
    if (error instanceof UsageError) throw new UsageError(`${at}: ${error.message}`, error.hint);
    throw error;
  }
}
