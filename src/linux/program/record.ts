/**
 * The nouns of a program of system calls: records, and what their arguments may be. A program is written by a Writer
 * (writer.ts) before any process exists, and printed, checked or assembled (assemble.ts); nothing here knows an address.
 */

import { type ConstantName, constants } from "../constants.ts";
import type { ErrnoName } from "../errno.ts";
import type { CallName } from "./calls.ts";

/** An argument of a call. A string is the address of its bytes with a NUL behind. */
export type Arg = number | string | Names | Given | Slot | Block | Field | Label | Frame | typeof ownBase;

/** The address of the arena itself: a clone runs the records that its parent runs. */
export const ownBase = { noun: "base" } as const;

/** Where the result of a call is kept for later ones: 32 bits, or 64. */
export class Slot {
  readonly noun = "slot";
  /** Set by the assembler. */
  at = 0;
  arena: object | undefined;
  constructor(
    readonly name: string,
    readonly wide = false,
  ) {}
}

/** Constants by their names, added up: `O_PATH|O_CLOEXEC`. */
export class Names {
  readonly noun = "names";
  /** A sum and not `|`, which would cut off what is beyond 32 bits. */
  readonly value: number;
  constructor(readonly list: readonly ConstantName[]) {
    let sum = 0;
    for (const name of list) sum += constants[name];
    this.value = sum;
  }
}
/** Names of constants. */
export type ConstantList = readonly ConstantName[];
export const names = (...list: ConstantName[]): Names => new Names(list);

/** What is known when the program is assembled: a descriptor, an id (number), a text, or bytes. */
export class Given {
  readonly noun = "given";
  constructor(readonly name: string) {}
}

/** A part of a block: its address, or what is stored there when the call is made. */
export class Field {
  readonly noun = "field";
  constructor(
    readonly block: Block,
    readonly offset: number,
    readonly use: "address" | "i32" | "u64",
  ) {}
}

/** A member of a structure: a number, or the address of something in the arena. */
export type Member = number | Names | Given | Block | Field;

export type Content =
  /** Members of 64 bits each, by name. */
  | { words: Record<string, Member> }
  /** Members of 32 bits each. */
  | { ints: (number | Names | Given)[] }
  /** A NULL-terminated array of pointers to strings, as argv. */
  | { strings: (string | Given)[] }
  | { bytes: Uint8Array | Given }
  /** Room for what a call writes. */
  | { room: number };

/** Memory of the arena. */
export class Block {
  readonly noun = "block";
  /** Set by the assembler. */
  at = 0;
  arena: object | undefined;
  constructor(
    /** The C type, or what it is for. */
    readonly name: string,
    readonly content: Content,
  ) {}
}

/** A record of the same program, to go on with. */
export class Label {
  readonly noun = "label";
  /** Index in the writer's records. */
  index = -1;
}

/** What one process that runs records tells the other side: where it is, and how it failed. */
export class Frame {
  readonly noun = "frame";
  /** Set by the assembler. */
  at = 0;
  /** @param fail where to go on after a failure. */
  constructor(readonly fail?: Label) {}
}

/**
 * Beside system calls:
 * `test` goes on with the next record if (value & mask) == expected, and else with `to`;
 * `add` stores a sum, and a negative one is a failure; `return` leaves the interpreter; `thread` tells the thread pointer;
 * `clone` is clone3(2), whose child runs the records from a label on;
 * `own-memory` and `close-inherited` stand for the calls that depend on addresses and descriptors (assemble.ts).
 */
export type Operation = "test" | "add" | "return" | "thread" | "clone" | "own-memory" | "close-inherited";

export interface Rec {
  call: CallName | Operation;
  args: readonly Arg[];
  /** Where the result goes. */
  into?: Slot | Field | undefined;
  /** Errnos that are an answer and no failure, at most four. */
  ok?: readonly ErrnoName[] | undefined;
  /** Where to go on after one of those, or after a test that fails; with the next record if absent. */
  to?: Label | undefined;
  /** Index of its step. */
  step: number;
  /** What the call is about, in words, for errors; absent where its path says it. */
  subject?: string | undefined;
}

/** All that one or more processes run, from the start of the first to its execve. */
export interface Program {
  records: Rec[];
  /** Names of the steps. */
  steps: string[];
  entry: Label;
  frame: Frame;
  /** Of processes that the first one makes. */
  others: Frame[];
  /** Where it reads what the kernel says of a failure. */
  log?: Block;
  /** Bytes that its strings and blocks take at most. */
  dataBytes: number;
}
