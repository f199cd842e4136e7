/**
 * Records on disk: which version of its kind one is, how an older one becomes one of today, and what of it is damaged. Pure.
 *
 *     { "schema": 2, ... }        what 0.1.0 wrote had no such field: that is schema 1
 *
 * A kind that gets, loses or changes a field gets an upgrade at the end of its list, which gives an older record what was so
 * when it was written; that makes the next schema. What has a table but no upgrade fails test/e2e/state-roots.test.ts.
 */

import { DamagedError } from "./errors.ts";

/** Undefined for a value that is right; for another the path to what is wrong with it, and what: `.mounts[2] is not text`. */
export interface Check<Value> {
  (value: unknown): string | undefined;
  /** For the compiler alone: a table must say of each field what its type says. */
  readonly of?: (value: Value) => Value;
}

/** A check for each field of a type: one that is added to the type and not to the table does not compile. */
export type Shape<Type> = {
  [Name in keyof Type]-?: Check<
    object extends Pick<Type, Name> ? Exclude<Type[Name], undefined> | undefined : Type[Name]
  >;
};

/** Makes of a record of one schema one of the next. */
// biome-ignore lint/suspicious/noExplicitAny: what an older version wrote has no type any more
type Upgrade = (old: any) => unknown;

/** What there is to know of one kind of record. */
export interface Kind<Type extends object> {
  /** From schema 1 to 2, from 2 to 3, and so on. They may rely on nothing in a record. */
  upgrades: readonly Upgrade[];
  fields: Shape<Type>;
  check: Check<Type>;
}

/** @param together what one field asks of another. */
export function kindOf<Type extends object = never>(
  fields: Shape<Type>,
  { upgrades = [], together }: Partial<Upgrades> & { together?: (value: Type) => string | undefined } = {},
): Kind<Type> {
  const each = object<Type>(fields);
  const check: Check<Type> = together ? (value) => each(value) ?? together(value as Type) : each;
  return { upgrades, fields, check };
}

/** A record of today; or what is wrong with it, to be said behind what it is the record of, and what it is as far as it can be read. */
export type Parsed<Type> =
  | { value: Type; damage?: undefined; rest?: undefined }
  | { value?: undefined; damage: string; rest: unknown };

export type Upgrades = { upgrades: readonly Upgrade[] };

const schemaOf = ({ upgrades }: Upgrades): number => upgrades.length + 1;

/** The text of a record. Its schema is all that is asked of its kind: who only writes records does without the tables. */
export const formatRecord = <Type extends object>(kind: Upgrades & Partial<Kind<Type>>, value: Type): string =>
  JSON.stringify({ schema: schemaOf(kind), ...value });

/**
 * Reads a record of this version or an older one.
 * @param text undefined where there is no file; or why it cannot be read (record-file.ts). @param file its name, for people.
 */
export function parseRecord<Type extends object>(
  kind: Kind<Type>,
  text: string | { unreadable: string } | undefined,
  file: string,
): Parsed<Type> {
  let rest: unknown;
  if (text === undefined) return damagedBy(`${file} is missing`);
  if (typeof text === "object") return damagedBy(`${file} ${text.unreadable}`);
  try {
    rest = JSON.parse(text);
  } catch {
    return damagedBy(text.trim() === "" ? `${file} is empty` : `${file} is not JSON`);
  }
  const { schema, content } = withoutSchema(rest);
  const known = schemaOf(kind);
  if (typeof schema !== "number" || !(schema >= 1)) return damagedBy(`${file}: schema is not a version`, content);
  if (schema > known) {
    const damage = `was written by a newer tinydocker (schema ${schema}, this one knows ${known})`;
    return { damage, rest: content };
  }
  const value = upgrade(kind, content, schema);
  const wrong = kind.check(value);
  if (wrong === undefined) return { value: value as Type };
  return damagedBy(wrong.startsWith(".") ? `${file}: ${wrong.slice(1)}` : `${file}${wrong}`, value);
}

const damagedBy = (what: string, rest?: unknown): { damage: string; rest: unknown } => ({
  damage: `is damaged: ${what}`,
  rest,
});

function withoutSchema(record: unknown): { schema: unknown; content: unknown } {
  if (!isObject(record)) return { schema: 1, content: record };
  const { schema = 1, ...content } = record;
  return { schema, content };
}

/** A record of any version until today's as one of today; what is missing in it still is. */
export function upgrade({ upgrades }: Upgrades, record: unknown, schema: number): unknown {
  if (!isObject(record)) return record;
  let upgraded: unknown = record;
  try {
    for (const step of upgrades.slice(schema - 1)) upgraded = step(upgraded);
  } catch {} // What is not there cannot be upgraded: the table says what that is.
  return upgraded;
}

/** What is right of a damaged record, field by field, and for the rest what stands in for it. */
export function salvage<Type extends object>({ fields }: Kind<Type>, rest: unknown, standIn: Type): Type {
  const salvaged = { ...standIn };
  if (!isObject(rest)) return salvaged;
  for (const name in fields) {
    const value = rest[name];
    if (value !== undefined && fields[name](value) === undefined) salvaged[name] = value as Type[typeof name];
  }
  return salvaged;
}

/** @param subject what it is the record of: `container web`. */
export const damaged = (subject: string, damage: string, hint?: string): DamagedError =>
  new DamagedError(`${subject} ${damage}`, hint);

type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const text: Check<string> = (value) => (typeof value === "string" ? undefined : " is not text");

export const flag: Check<boolean> = (value) => (typeof value === "boolean" ? undefined : " is not true or false");

export const number: Check<number> = (value) => (typeof value === "number" ? undefined : " is not a number");

/** A time as text. */
export const time: Check<string> = (value) =>
  typeof value === "string" && !Number.isNaN(Date.parse(value)) ? undefined : " is not a time";

export const anything: Check<unknown> = () => undefined;

export const oneOf =
  <Word extends string>(...words: Word[]): Check<Word> =>
  (value) =>
    words.includes(value as Word) ? undefined : ` is none of ${words.join(", ")}`;

export const optional =
  <Value>(check: Check<Value>): Check<Value | undefined> =>
  (value) =>
    value === undefined ? undefined : check(value);

export const nullable =
  <Value>(check: Check<Value>): Check<Value | null> =>
  (value) =>
    value === null ? undefined : check(value);

export const list =
  <Item>(item: Check<Item>): Check<Item[]> =>
  (value) => {
    if (!Array.isArray(value)) return " is not a list";
    for (let index = 0; index < value.length; index++) {
      const wrong = item(value[index]);
      if (wrong !== undefined) return `[${index}]${wrong}`;
    }
    return undefined;
  };

/** An object whose keys are data. */
export const map =
  <Item>(item: Check<Item>): Check<Record<string, Item>> =>
  (value) => {
    if (!isObject(value)) return " is not an object";
    for (const name in value) {
      const wrong = item(value[name]);
      if (wrong !== undefined) return `.${name}${wrong}`;
    }
    return undefined;
  };

/**
 * An object with the fields of a type, which is to be said; others are no harm.
 * @param fields or what makes them, when the first such object is looked at: most records have few of all that there may be.
 */
export function object<Type extends object = never>(fields: Shape<Type> | (() => Shape<Type>)): Check<Type> {
  let names: string[] | undefined;
  let checks: ((value: unknown) => string | undefined)[] = [];
  return (value) => {
    if (!isObject(value)) return " is not an object";
    if (names === undefined) {
      const made = typeof fields === "function" ? fields() : fields;
      names = Object.keys(made);
      checks = Object.values(made) as typeof checks;
    }
    for (let at = 0; at < names.length; at++) {
      const inner = value[names[at]!];
      const wrong = checks[at]!(inner);
      if (wrong !== undefined) return inner === undefined ? `.${names[at]} is missing` : `.${names[at]}${wrong}`;
    }
    return undefined;
  };
}
