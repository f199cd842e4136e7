/** What templates can call: Go's own functions, and those that Docker adds. Pure. */

import { escapeHtml, escapeJs, escapeQuery } from "./escape.ts";
import { sprintf } from "./printf.ts";
import { format, isStruct, isTrue, toJson, typeName, type Value } from "./value.ts";

/** A mistake in the arguments. What it says is put after `error calling NAME:`. */
export class CallError extends Error {}

/** How many arguments a function takes, and what it makes of them. */
export interface TemplateFunction {
  least: number;
  /** Any number unless given. */
  most?: number;
  call(...args: Value[]): Value;
}

const exactly = (count: number, call: TemplateFunction["call"]): TemplateFunction => ({
  least: count,
  most: count,
  call,
});
const atLeast = (least: number, call: TemplateFunction["call"]): TemplateFunction => ({ least, call });

/** `and` and `or` are not here: they do not look at arguments that can't matter (execute.ts). */
export const functions: Record<string, TemplateFunction> = {
  not: exactly(1, (value) => !isTrue(value)),
  len: exactly(1, length),
  index: atLeast(1, (value, ...keys) => keys.reduce(element, value)),
  slice: { least: 1, most: 4, call: slice },
  print: atLeast(0, print),
  println: atLeast(0, (...values) => `${values.map(printable).join(" ")}\n`),
  printf: atLeast(1, (pattern, ...values) => sprintf(text(pattern, "printf"), values)),
  html: atLeast(1, (...values) => escapeHtml(print(...values))),
  js: atLeast(1, (...values) => escapeJs(print(...values))),
  urlquery: atLeast(1, (...values) => escapeQuery(print(...values))),
  eq: atLeast(1, equalAny),
  ne: exactly(2, (a, b) => !equal(a, b)),
  lt: exactly(2, (a, b) => compare(a, b) < 0),
  le: exactly(2, (a, b) => compare(a, b) <= 0),
  gt: exactly(2, (a, b) => compare(a, b) > 0),
  ge: exactly(2, (a, b) => compare(a, b) >= 0),
  json: exactly(1, (value) => toJson(value)),
  join: exactly(2, (list, separator) => join(list, text(separator, "join"))),
  split: exactly(2, (value, separator) => split(text(value, "split"), text(separator, "split"))),
  lower: exactly(1, (value) => text(value, "lower").toLowerCase()),
  upper: exactly(1, (value) => text(value, "upper").toUpperCase()),
  title: exactly(1, (value) =>
    text(value, "title").replace(/(?<![\p{L}\p{Nd}_])\p{L}/gu, (first) => first.toUpperCase()),
  ),
  pad: exactly(3, (value, before, after) => (value === "" ? "" : spaces(before) + text(value, "pad") + spaces(after))),
  truncate: exactly(2, (value, size) => truncate(text(value, "truncate"), whole(size))),
};

/** For headings, which no function of the template is to change: `table {{upper .Name}}` is headed NAME. */
export const headingFunctions: Record<string, TemplateFunction> = {
  ...functions,
  ...Object.fromEntries(
    ["json", "join", "split", "lower", "upper", "title", "pad", "truncate"].map((name) => [
      name,
      { ...functions[name]!, call: (heading) => heading },
    ]),
  ),
};

/** Every name that a template may call. */
export const functionNames: ReadonlySet<string> = new Set([...Object.keys(functions), "and", "or"]);

const printable = (value: Value): string => (value === undefined ? "<nil>" : format(value));

function text(value: Value, name: string): string {
  if (typeof value === "string") return value;
  throw new CallError(`wrong type for value; ${name} expects string; got ${typeName(value)}`);
}

function whole(value: Value): number {
  if (Number.isInteger(value)) return value as number;
  throw new CallError(`expected integer; found ${format(value)}`);
}

const maxSpaces = 10_000;
const spaces = (count: Value): string => " ".repeat(Math.min(Math.max(whole(count), 0), maxSpaces));

/** Docker cuts bytes; we cut characters, so that none is cut in two. */
const truncate = (value: string, size: number): string => [...value].slice(0, Math.max(size, 0)).join("");

/** As Go: an empty separator splits into characters. */
const split = (value: string, separator: string): string[] => (separator === "" ? [...value] : value.split(separator));

function join(list: Value, separator: string): string {
  if (list === undefined || list === null) return "";
  if (!Array.isArray(list)) throw new CallError(`cannot join ${typeName(list)}`);
  return list.map(format).join(separator);
}

/** As fmt.Sprint: a blank between two of which neither is text. */
function print(...values: Value[]): string {
  return values
    .map((value, at) => {
      const blank = at > 0 && typeof value !== "string" && typeof values[at - 1] !== "string";
      return (blank ? " " : "") + printable(value);
    })
    .join("");
}

function length(value: Value): number {
  if (typeof value === "string") return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.length;
  if (value instanceof Map) return value.size;
  throw new CallError(value == null ? "len of nil pointer" : `len of type ${typeName(value)}`);
}

function element(value: Value, key: Value): Value {
  if (value === undefined || value === null) throw new CallError("index of untyped nil");
  if (value instanceof Map) return value.get(key) ?? (value.has(key) ? null : missing(value));
  if (isStruct(value)) {
    // JSON has made one kind of objects of both; who indexes by name means a map.
    if (typeof key === "string") return Object.hasOwn(value, key) ? value[key] : undefined;
    throw new CallError(`value has type ${typeName(key)}; should be string`);
  }
  if (!Array.isArray(value) && typeof value !== "string")
    throw new CallError(`can't index item of type ${typeName(value)}`);
  if (!Number.isInteger(key)) throw new CallError(`cannot index slice/array with type ${typeName(key)}`);
  const items = typeof value === "string" ? Buffer.from(value) : value;
  if ((key as number) < 0 || (key as number) >= items.length) throw new CallError(`index out of range: ${key}`);
  return items[key as number];
}

/** The zero value of a map's elements: "" in a map of text, as labels are; none where nobody knows. */
function missing(map: Map<unknown, unknown>): Value {
  return [...map.values()].every((value) => typeof value === "string") && map.size > 0 ? "" : undefined;
}

function slice(value: Value, ...bounds: Value[]): Value {
  if (value === undefined || value === null) throw new CallError("slice of untyped nil");
  if (typeof value !== "string" && !Array.isArray(value))
    throw new CallError(`can't slice item of type ${typeName(value)}`);
  if (typeof value === "string" && bounds.length > 2) throw new CallError("cannot 3-index slice a string");
  const items = typeof value === "string" ? Buffer.from(value) : value;
  const [from = 0, to = items.length, limit = items.length] = bounds.map(whole);
  const outside = [from, to, limit].find((bound) => bound < 0 || bound > items.length);
  if (outside !== undefined) throw new CallError(`index out of range: ${outside}`);
  if (from > to) throw new CallError(`invalid slice index: ${from} > ${to}`);
  if (to > limit) throw new CallError(`invalid slice index: ${to} > ${limit}`);
  return typeof value === "string" ? Buffer.from(value).subarray(from, to).toString() : items.slice(from, to);
}

function equalAny(first: Value, ...others: Value[]): boolean {
  if (others.length === 0) throw new CallError("missing argument for comparison");
  return others.some((other) => equal(first, other));
}

function equal(a: Value, b: Value): boolean {
  if (a == null || b == null) return (a ?? null) === (b ?? null);
  for (const value of [a, b])
    if (Array.isArray(value) || value instanceof Map || isStruct(value))
      throw new CallError(`non-comparable type ${format(value)}: ${typeName(value)}`);
  if (typeof a !== typeof b) throw new CallError("incompatible types for comparison");
  return a === b;
}

function compare(a: Value, b: Value): number {
  if (typeof a !== "string" && typeof a !== "number") throw new CallError("invalid type for comparison");
  if (typeof a !== typeof b) throw new CallError("incompatible types for comparison");
  return a < (b as typeof a) ? -1 : a > (b as typeof a) ? 1 : 0;
}
