/**
 * Properties of systemd units that annotations of a bundle set: `org.systemd.property.NAME`, the value in the text format of
 * GVariant, as runc and crun have it. Pure.
 * @see https://docs.gtk.org/glib/gvariant-text-format.html
 */

import { InvalidError } from "../../errors.ts";
import { type Property, type PropertyValue, property } from "./property.ts";

const prefix = "org.systemd.property.";

/** @throws InvalidError for a name or a value that can't be a property's. */
export function annotatedProperties(annotations: Record<string, string> = {}): Property[] {
  return Object.entries(annotations).flatMap(([key, text]) =>
    key.startsWith(prefix) ? [annotated(key, key.slice(prefix.length), text)] : [],
  );
}

function annotated(key: string, name: string, text: string): Property {
  const refuse = (what: string) => new InvalidError(`config.json: annotations: ${key}: ${what}`);
  if (!/^[A-Z][A-Za-z]{2,}$/.test(name)) throw refuse("is not a valid name of a property of systemd");
  const parsed = parseVariant(text);
  if (!parsed)
    throw refuse(
      `${JSON.stringify(text)} is not a value that is understood: true, 'text', 5, "uint64 5", ['text', ...] are`,
    );
  // Times are in microseconds on the bus; those in seconds have names for people.
  if (!/[^U]Sec$/.test(name)) return property(name, parsed.type, parsed.value);
  const us = "nqiuxtd".includes(parsed.type) ? microseconds(parsed) : undefined;
  if (us === undefined || us < 0n || us >= 1n << 64n)
    throw refuse(`${JSON.stringify(text)} is not a number of seconds`);
  return property(`${name.slice(0, -"Sec".length)}USec`, "t", String(us));
}

function microseconds({ type, value }: Typed): bigint | undefined {
  if (type !== "d") return BigInt(value as string | number) * 1_000_000n;
  return Number.isFinite(value) ? BigInt(Math.round((value as number) * 1e6)) : undefined;
}

interface Typed {
  type: string;
  value: PropertyValue;
}

/** Names of the types that can stand before a number, and what fits them. */
const integers: Record<string, [type: string, least: bigint, most: bigint]> = {
  byte: ["y", 0n, 0xffn],
  int16: ["n", -0x8000n, 0x7fffn],
  uint16: ["q", 0n, 0xffffn],
  int32: ["i", -0x8000_0000n, 0x7fff_ffffn],
  uint32: ["u", 0n, 0xffff_ffffn],
  int64: ["x", -(1n << 63n), (1n << 63n) - 1n],
  uint64: ["t", 0n, (1n << 64n) - 1n],
};

/** One value; undefined for what is none, or of a type that no property of a scope has. */
function parseVariant(text: string): Typed | undefined {
  const { value, rest } = parseOne(text.trim()) ?? {};
  return rest === "" ? value : undefined;
}

type Parsed = { value: Typed; rest: string } | undefined;

function parseOne(text: string): Parsed {
  if (text.startsWith("[")) return parseArray(text);
  if (text.startsWith("'") || text.startsWith('"')) return parseString(text);
  const [word = "", rest] = splitWord(text);
  if (word === "true" || word === "false") return { value: { type: "b", value: word === "true" }, rest };
  if (Object.hasOwn(integers, word)) return parseInteger(word, rest);
  if (word === "string") return parseString(rest);
  if (word === "boolean" && /^(true|false)\b/.test(rest)) return parseOne(rest);
  if (word === "double" || /^[+-]?\d*\.\d+$/.test(word)) return parseDouble(word === "double" ? rest : text);
  return parseInteger("int32", text);
}

/** A word, and what follows behind the space. */
function splitWord(text: string): [string, string] {
  const word = /^[^\s,\]]*/.exec(text)![0];
  return [word, text.slice(word.length).trimStart()];
}

function parseInteger(kind: string, text: string): Parsed {
  const [digits, rest] = splitWord(text);
  if (!/^[+-]?(\d{1,20}|0x[\da-fA-F]{1,16})$/.test(digits)) return undefined;
  const magnitude = BigInt(digits.replace(/^[+-]/, ""));
  const number = digits.startsWith("-") ? -magnitude : magnitude;
  const [type, least, most] = integers[kind]!;
  if (number < least || number > most) return undefined;
  return { value: { type, value: "xt".includes(type) ? String(number) : Number(number) }, rest };
}

function parseDouble(text: string): Parsed {
  const [digits, rest] = splitWord(text);
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(digits)) return undefined;
  return { value: { type: "d", value: Number(digits) }, rest };
}

const escapes: Record<string, string> = { n: "\n", t: "\t", r: "\r", b: "\b", f: "\f", v: "\v", a: "\x07" };

function parseString(text: string): Parsed {
  const quote = text[0];
  if (quote !== "'" && quote !== '"') return undefined;
  let value = "";
  for (let at = 1; at < text.length; at++) {
    const letter = text[at]!;
    if (letter === quote) return { value: { type: "s", value }, rest: text.slice(at + 1).trimStart() };
    if (letter !== "\\") value += letter;
    else {
      const escaped = text[++at];
      if (escaped === undefined || "uU".includes(escaped)) return undefined;
      value += escapes[escaped] ?? escaped;
    }
  }
  return undefined;
}

/** All of one type; an empty one has none that could be told. */
function parseArray(text: string): Parsed {
  const items: Typed[] = [];
  for (let rest = text.slice(1).trimStart(); ; ) {
    const item = parseOne(rest);
    if (!item || item.value.type !== (items[0] ?? item.value).type) return undefined;
    items.push(item.value);
    rest = item.rest;
    if (rest.startsWith("]"))
      return {
        value: { type: `a${items[0]!.type}`, value: items.map(({ value }) => value) },
        rest: rest.slice(1).trimStart(),
      };
    if (!rest.startsWith(",")) return undefined;
    rest = rest.slice(1).trimStart();
  }
}
