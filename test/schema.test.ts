/** Records of every version as one of today, and what is said of those that are damaged. */

import { describe, expect, test } from "bun:test";
import {
  formatRecord,
  kindOf,
  list,
  map,
  number,
  object,
  optional,
  parseRecord,
  salvage,
  text,
} from "../src/schema.ts";

interface Door {
  name: string;
  size: { width: number; height: number };
  colours: string[];
  notes: Record<string, string>;
  price?: number;
}

/** Schema 1 had a width alone, and schema 2 one colour. */
const doorKind = kindOf<Door>(
  {
    name: text,
    size: object<Door["size"]>({ width: number, height: number }),
    colours: list(text),
    notes: map(text),
    price: optional(number),
  },
  {
    upgrades: [
      ({ width, ...old }) => ({ ...old, size: { width, height: 2 }, notes: {} }),
      ({ colour, ...old }) => ({ ...old, colours: [colour.toLowerCase()] }),
    ],
  },
);

const door: Door = { name: "front", size: { width: 1, height: 2 }, colours: ["red"], notes: {} };
const parse = (record: unknown) => parseRecord(doorKind, JSON.stringify(record), "door.json");

describe("a record", () => {
  test("is written with its schema, and read without", () => {
    expect(JSON.parse(formatRecord(doorKind, door))).toEqual({ schema: 3, ...door });
    expect(parseRecord(doorKind, formatRecord(doorKind, door), "door.json")).toEqual({ value: door });
  });
  test("of every older version becomes one of today; the first had no schema", () => {
    expect(parse({ name: "front", width: 1, colour: "RED" })).toEqual({ value: door });
    expect(parse({ schema: 1, name: "front", width: 1, colour: "RED" })).toEqual({ value: door });
    expect(parse({ schema: 2, name: "front", size: door.size, notes: {}, colour: "RED" })).toEqual({ value: door });
  });
  test("that is damaged in an older version is damaged in this one, whatever an upgrade makes of it", () => {
    expect(parse({ name: "front", width: 1 }).damage).toBe("is damaged: door.json: colours is missing");
  });
  test("is an object", () => {
    for (const content of ["null", "[]", "7", '"x"'])
      expect(parseRecord({ ...doorKind, upgrades: [] }, content, "door.json").damage).toBe(
        "is damaged: door.json is not an object",
      );
  });
  test("that is newer is not guessed at", () => {
    expect(parse({ schema: 4, ...door }).damage).toBe("was written by a newer tinydocker (schema 4, this one knows 3)");
    for (const schema of ["3", 0, -1, null, {}])
      expect(parse({ ...door, schema }).damage).toBe("is damaged: door.json: schema is not a version");
  });
  test("may have fields that nobody knows", () => {
    expect(parse({ schema: 3, ...door, more: 1 })).toEqual({ value: { ...door, more: 1 } as Door });
  });
  test("is damaged by what is named", () => {
    const said = (change: object) => parse({ schema: 3, ...door, ...change }).damage;
    expect(said({ name: 7 })).toBe("is damaged: door.json: name is not text");
    expect(said({ name: undefined })).toBe("is damaged: door.json: name is missing");
    expect(said({ price: "7" })).toBe("is damaged: door.json: price is not a number");
    expect(said({ size: { width: 1 } })).toBe("is damaged: door.json: size.height is missing");
    expect(said({ size: null })).toBe("is damaged: door.json: size is not an object");
    expect(said({ colours: "red" })).toBe("is damaged: door.json: colours is not a list");
    expect(said({ colours: ["red", 7] })).toBe("is damaged: door.json: colours[1] is not text");
    expect(said({ notes: { a: 7 } })).toBe("is damaged: door.json: notes.a is not text");
    for (const [content, what] of [
      [undefined, "is missing"],
      ["", "is empty"],
      [" \n", "is empty"],
      ["{", "is not JSON"],
    ] as const)
      expect(parseRecord(doorKind, content, "door.json").damage).toBe(`is damaged: door.json ${what}`);
  });
  test("that is damaged gives what is right of it", () => {
    const { rest } = parse({ schema: 3, ...door, name: "back", colours: 7 });
    expect(salvage(doorKind, rest, door)).toEqual({ ...door, name: "back" });
    for (const other of [undefined, null, 7, []]) expect(salvage(doorKind, other, door)).toEqual(door);
  });
});
