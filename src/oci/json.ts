/** JSON from strangers: bounded in size and depth, and read field by field with errors that name the field. */

import { InvalidError } from "../errors.ts";

const maxDepth = 64;
/** Larger than any manifest a registry accepts (4 MiB). */
export const maxJsonBytes = 8 << 20;

/**
 * Parses UTF-8 JSON. `trusted` leaves out the look at its depth, for text that was checked when it came in.
 * @throws InvalidError naming `subject` if it is too large, too deep, or no JSON
 */
export function parseJson(content: Uint8Array | string, subject: string, { trusted = false } = {}): unknown {
  if (content.length > maxJsonBytes) throw new InvalidError(`${subject} is larger than ${maxJsonBytes >> 20} MiB`);
  let text: string;
  try {
    text =
      typeof content === "string"
        ? content
        : new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content);
  } catch {
    throw new InvalidError(`${subject} is not UTF-8 text`);
  }
  if (!trusted) checkDepth(text, subject);
  try {
    return JSON.parse(text);
  } catch (error) {
    // It quotes what it stumbled over.
    throw new InvalidError(`${subject} is not JSON: ${(error as Error).message.replace(/\p{Cc}/gu, "?")}`);
  }
}

/** Deep nesting would cost stack in the parser and in everything that walks the result. */
function checkDepth(text: string, subject: string): void {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char === 0x22) {
      for (at++; at < text.length && text.charCodeAt(at) !== 0x22; at++) if (text.charCodeAt(at) === 0x5c) at++;
    } else if (char === 0x7b || char === 0x5b) {
      if (++depth > maxDepth) throw new InvalidError(`${subject} is nested deeper than ${maxDepth} levels`);
    } else if (char === 0x7d || char === 0x5d) depth--;
  }
}

/** Reads one value or refuses it, naming where it stood. */
export type Reader<Value> = (value: unknown, where: string) => Value;

function refuse(where: string, expected: string): never {
  throw new InvalidError(`${where} is not ${expected}`);
}

/** Text without NUL: it becomes a C string sooner or later. */
export const text: Reader<string> = (value, where) =>
  typeof value === "string" && !value.includes("\0") ? value : refuse(where, "text");

/** A whole number from 0 to 2^53-1. */
export const count: Reader<number> = (value, where) =>
  Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : refuse(where, "a whole number");

export const flag: Reader<boolean> = (value, where) =>
  typeof value === "boolean" ? value : refuse(where, "true or false");

/** An object that is not an array. */
export const object: Reader<Record<string, unknown>> = (value, where) =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : refuse(where, "an object");

export const list =
  <Item>(item: Reader<Item>): Reader<Item[]> =>
  (value, where) =>
    Array.isArray(value) ? value.map((element, index) => item(element, `${where}[${index}]`)) : refuse(where, "a list");

/** An object used as a map; its keys are text without NUL. */
export const record =
  <Item>(item: Reader<Item>): Reader<Record<string, Item>> =>
  (value, where) => {
    const result: Record<string, Item> = Object.create(null);
    for (const [key, element] of Object.entries(object(value, where)))
      result[text(key, `a key of ${where}`)] = item(element, `${where}.${key}`);
    return { ...result };
  };

/**
 * The fields of an object that are present: `undefined`, and the `null` of Go's encoders, mean absent.
 * Fields that no reader names are dropped.
 */
export function fields<Shape extends Record<string, Reader<unknown>>>(
  value: unknown,
  where: string,
  shape: Shape,
): { [Name in keyof Shape]?: ReturnType<Shape[Name]> } {
  const source = object(value, where);
  const result: Record<string, unknown> = {};
  for (const name in shape) {
    const field = Object.hasOwn(source, name) ? source[name] : undefined;
    if (field !== undefined && field !== null) result[name] = shape[name]?.(field, `${where}: ${name}`);
  }
  return result as { [Name in keyof Shape]?: ReturnType<Shape[Name]> };
}

/** A field that must be there. */
export function need<Value>(value: Value | undefined, where: string): Value {
  return value === undefined ? refuse(where, "there, but it must be") : value;
}
