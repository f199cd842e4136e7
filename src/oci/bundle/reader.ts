/**
 * Readers that know what they are made of: so all properties that nobody reads can be named, and a test can compare what is
 * read with the schema of the specification.
 */

import { InvalidError } from "../../errors.ts";
import type { Reader } from "../json.ts";

/** A reader, and the parts that it reads. */
export interface Part<Value> extends Reader<Value> {
  fields?: Record<string, Part<unknown>>;
  /** Of a list. */
  items?: Part<unknown>;
  /** Of an object used as a map. */
  values?: Part<unknown>;
  /** Fields that the specification has for other systems. */
  others?: string[];
}

/** A part that may be absent: then it has this value, or the field is not there. */
export interface Optional<Value> extends Part<Value> {
  whenAbsent: { value: Value } | undefined;
}

export const optional = <Value>(part: Part<Value>): Optional<Value> =>
  Object.assign(part.bind(null), part, { whenAbsent: undefined });
export const orElse = <Value>(part: Part<Value>, value: Value): Optional<Value> =>
  Object.assign(part.bind(null), part, { whenAbsent: { value } });

/** A list that may be absent, and when it is empty is as good as that. */
export const optionalList = <Item>(part: Part<Item[]>): Optional<Item[]> => {
  const read = (value: unknown, where: string): Item[] => {
    const list = part(value, where);
    return list.length > 0 ? list : (undefined as never);
  };
  return Object.assign(read, part, { whenAbsent: undefined });
};

/** A part for each field of a type: one that is added to the type and not to the table does not compile. */
type Fields<Type> = {
  [Name in keyof Type]-?: object extends Pick<Type, Name> ? Optional<Exclude<Type[Name], undefined>> : Part<Type[Name]>;
};

function refuse(where: string, expected: string): never {
  throw new InvalidError(`${where} ${expected}`);
}

/** `config.json: process`, and below that `config.json: process.user`. */
const below = (where: string, name: string): string => (where.endsWith(":") ? `${where} ${name}` : `${where}.${name}`);

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function mustBeObject(value: unknown, where: string): Record<string, unknown> {
  return isObject(value) ? value : refuse(where.replace(/:$/, ""), "is not an object");
}

/**
 * An object with these fields. As Go has it, `null` is as good as absent; what has no reader is left out.
 * @param others fields that the specification has for other systems than Linux: they are left out, too.
 */
export function structure<Type extends object = never>(parts: Fields<Type>, others: string[] = []): Part<Type> {
  const fields = parts as Record<string, Part<unknown>>;
  const read = (value: unknown, where: string): Type => {
    const source = mustBeObject(value, where);
    const result: Record<string, unknown> = {};
    for (const name in fields) {
      const part = fields[name]!;
      const found = Object.hasOwn(source, name) ? source[name] : undefined;
      if (found !== undefined && found !== null) result[name] = part(found, below(where, name));
      else if (!("whenAbsent" in part)) refuse(below(where, name), "is not there, but it must be");
      else if ((part as Optional<unknown>).whenAbsent) result[name] = (part as Optional<unknown>).whenAbsent!.value;
    }
    return result as Type;
  };
  return Object.assign(read, { fields, others });
}

export const listOf = <Item>(items: Part<Item>): Part<Item[]> =>
  Object.assign(
    (value: unknown, where: string): Item[] =>
      Array.isArray(value)
        ? value.map((item, index) => items(item, `${where}[${index}]`))
        : refuse(where, "is not a list"),
    { items },
  );

/** An object used as a map. */
export const mapOf = <Item>(values: Part<Item>): Part<Record<string, Item>> =>
  Object.assign(
    (value: unknown, where: string): Record<string, Item> =>
      Object.fromEntries(
        Object.entries(mustBeObject(value, where)).map(([key, item]) => {
          if (key.includes("\0")) refuse(`a key of ${where}`, "has a NUL in it");
          return [key, values(item, `${where}[${JSON.stringify(key)}]`)];
        }),
      ),
    { values },
  );

export const text: Part<string> = (value, where) =>
  typeof value !== "string"
    ? refuse(where, "is not text")
    : value.includes("\0")
      ? refuse(where, "has a NUL in it")
      : value;

export const flag: Part<boolean> = (value, where) =>
  typeof value === "boolean" ? value : refuse(where, "is not true or false");

/** A whole number in a range. Beyond 2^53 it is as exact as JSON in JavaScript is. */
export const integer =
  (least: number, most: number): Part<number> =>
  (value, where) => {
    if (!Number.isInteger(value)) return refuse(where, "is not a whole number");
    const number = value as number;
    return number >= least && number <= most ? number : refuse(where, `is ${number}, and not ${least} to ${most}`);
  };

export const int32 = integer(-(2 ** 31), 2 ** 31 - 1);
export const uint32 = integer(0, 2 ** 32 - 1);
export const uint16 = integer(0, 2 ** 16 - 1);
export const int64 = integer(-(2 ** 63), 2 ** 63);
export const uint64 = integer(0, 2 ** 64);

/** One of these words. */
export const word =
  <Word extends string>(...words: readonly Word[]): Part<Word> =>
  (value, where) =>
    words.includes(value as Word)
      ? (value as Word)
      : refuse(where, `is ${JSON.stringify(value)}, and not one of ${words.join(", ")}`);

/** Text of a form. @param form what it is, in words. */
export const textLike =
  (pattern: RegExp, form: string): Part<string> =>
  (value, where) => {
    const found = text(value, where);
    return pattern.test(found) ? found : refuse(where, `is ${JSON.stringify(found)}, which is not ${form}`);
  };

export const absolutePath = textLike(/^\//, "an absolute path");

/** What somebody else reads. */
export const anything: Part<unknown> = (value) => value;

/** Paths of the properties that no part reads, those of other systems too. @param where the path of the value; empty for the whole. */
export function unknownIn(value: unknown, part: Part<unknown>, where = ""): string[] {
  const { fields, items, values } = part;
  if (fields && isObject(value))
    return Object.entries(value).flatMap(([name, item]) => {
      const path = where === "" ? name : `${where}.${name}`;
      const known = Object.hasOwn(fields, name) ? fields[name] : undefined;
      return known ? unknownIn(item, known, path) : [path];
    });
  if (items && Array.isArray(value))
    return value.flatMap((item, index) => unknownIn(item, items, `${where}[${index}]`));
  if (values && isObject(value))
    return Object.entries(value).flatMap(([key, item]) => unknownIn(item, values, `${where}[${JSON.stringify(key)}]`));
  return [];
}
