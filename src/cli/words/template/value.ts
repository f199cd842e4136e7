/**
 * The values templates work on, and how Go would print them. A Map is a map: keys may be missing, `<no value>`. A plain
 * object is a struct: a field it does not have is a mistake in the template. A function is a method. Pure.
 */

import { asJson } from "../../../nil.ts";
import { turning } from "./direction.ts";
import { quote } from "./literal.ts";

/** undefined is "no value": the answer to a key that a map does not have. */
export type Value = unknown;

export type Struct = Record<string, Value>;

/** An object that is neither a list nor a map. */
export const isStruct = (value: Value): value is Struct =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Map);

/** The keys of a map in Go's order. */
export const sortedKeys = (map: Map<unknown, unknown>): unknown[] =>
  [...map.keys()].sort((a, b) => ((a as string) < (b as string) ? -1 : 1));

/** The name of a value's type, for errors and %T. */
export function typeName(value: Value): string {
  if (value === null || value === undefined) return "interface {}";
  if (typeof value === "bigint") return "int64";
  if (typeof value === "number") return Number.isInteger(value) ? "int" : "float64";
  if (typeof value === "boolean") return "bool";
  if (Array.isArray(value)) return "[]interface {}";
  if (value instanceof Map) return "map[string]interface {}";
  return typeof value === "string" ? "string" : "struct";
}

/** What `if`, `and` and `not` take for true: all but false, 0, "", nil and what is empty. */
export function isTrue(value: Value): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (value instanceof Map) return value.size > 0;
  return isStruct(value) || Boolean(value);
}

/** A value as `{{.}}` prints it: [a b], map[k:v], {a b}. */
export function format(value: Value): string {
  if (value === undefined) return "<no value>";
  if (value === null) return "<nil>";
  if (typeof value === "number") return formatNumber(value);
  if (Array.isArray(value)) return `[${value.map(format).join(" ")}]`;
  if (value instanceof Map)
    return `map[${sortedKeys(value)
      .map((key) => `${key}:${format(value.get(key))}`)
      .join(" ")}]`;
  if (isStruct(value))
    return `{${fieldsOf(value)
      .map(([, field]) => format(field ?? null))
      .join(" ")}}`;
  return String(value);
}

/** The fields of a struct; its methods without arguments are fields too. */
export const fieldsOf = (struct: Struct): [string, Value][] =>
  Object.entries(struct).flatMap(([name, field]): [string, Value][] =>
    typeof field !== "function" ? [[name, field]] : field.length === 0 ? [[name, field()]] : [],
  );

/** As Go's %v: 1e+21 and 1e-05 have two digits of exponent. */
export const formatNumber = (value: number): string =>
  Number.isFinite(value)
    ? exponent(
        Math.abs(value) >= 1e21 || (value !== 0 && Math.abs(value) < 1e-4) ? value.toExponential() : String(value),
      )
    : Number.isNaN(value)
      ? "NaN"
      : value > 0
        ? "+Inf"
        : "-Inf";

/** An exponent as Go writes it, with two digits at least. */
export const exponent = (text: string): string => text.replace(/e([+-])(\d)$/, "e$10$2");

const unprintable = new RegExp(String.raw`[\x7f-\x9f\u2028\u2029${turning}]`, "g");

/**
 * A value as one line of JSON. What is not printable stays escaped also where JSON would not ask for it: C1 control
 * characters command a terminal too (docs/security.md R39).
 */
export function toJson(value: Value, indent = ""): string {
  const text = JSON.stringify(plainJson(value), null, indent) ?? "null";
  return text.replace(unprintable, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Digits that are to stand in JSON as they are: nanoseconds are more than a number can hold. TypeScript does not know it yet. */
const rawJson = (JSON as unknown as { rawJSON(digits: string): unknown }).rawJSON;

/** What is left out of a struct where it is undefined. */
const shownInJson = (value: Value): Value =>
  typeof value === "object" && value !== null && asJson in value ? value[asJson] : value;

function plainJson(given: Value): unknown {
  const value = shownInJson(given);
  if (value === undefined) return null;
  if (typeof value === "bigint") return rawJson(String(value));
  if (Array.isArray(value)) return value.map(plainJson);
  const entries =
    value instanceof Map ? sortedKeys(value).map((key) => [String(key), value.get(key)] as const) : undefined;
  if (!entries && !isStruct(value)) return value;
  // Not assigned one by one: a label may be called __proto__.
  return Object.fromEntries(
    (entries ?? fieldsOf(value as Struct)).flatMap(([key, item]) =>
      shownInJson(item) === undefined ? [] : [[key, plainJson(item)]],
    ),
  );
}

/** A value as %#v or %+v would be more than anybody asks of a format; %q quotes what is text inside of it. */
export function formatQuoted(value: Value): string {
  if (typeof value === "string") return quote(value);
  if (Array.isArray(value)) return `[${value.map(formatQuoted).join(" ")}]`;
  if (value instanceof Map)
    return `map[${sortedKeys(value)
      .map((key) => `${quote(String(key))}:${formatQuoted(value.get(key))}`)
      .join(" ")}]`;
  return format(value);
}
