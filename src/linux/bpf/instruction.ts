/**
 * Instructions of eBPF programs as data, and as the bytes that bpf(2) takes. Pure. Comparisons are of 32 bits, without sign.
 * @see https://docs.kernel.org/bpf/standardization/instruction-set.html
 */

/** `r0` is what the program returns, `r1` points to what it is asked about when it begins. */
export type Register = "r0" | "r1" | "r2" | "r3" | "r4";

export type Condition = "equal" | "unequal" | "below" | "any-bit";

export type Instruction =
  | { op: "load"; to: Register; from: Register; offset: number }
  | { op: "move" | "and"; to: Register; value: number }
  | { op: "jump"; to: Label }
  | { op: "jump-if"; condition: Condition; register: Register; value: number; to: Label }
  /** Where jumps lead to; no instruction of its own. */
  | { op: "label"; label: Label }
  | { op: "exit" };

/** A place in a program, by its identity. */
export class Label {
  readonly noun = "label";
}

const codes = { load: 0x61, move: 0xb7, and: 0x54, jump: 0x05, exit: 0x95 } as const;
const conditions: Record<Condition, number> = { equal: 0x16, unequal: 0x56, below: 0xa6, "any-bit": 0x46 };
export const instructionBytes = 8;
/** The offset of a jump has 16 bits, one of them the sign. */
const farthest = 0x7fff;

/** @throws RangeError if a jump leads further than a jump can. */
export function encode(instructions: readonly Instruction[]): Uint8Array<ArrayBuffer> {
  const places = new Map<Label, number>();
  let count = 0;
  for (const one of instructions) {
    if (one.op === "label") places.set(one.label, count);
    else count++;
  }
  const view = new DataView(new ArrayBuffer(count * instructionBytes));
  let at = 0;
  for (const one of instructions) {
    if (one.op === "label") continue;
    const put = ([code, registers, offset, value]: Encoded) => {
      view.setUint8(at * instructionBytes, code);
      view.setUint8(at * instructionBytes + 1, registers);
      view.setInt16(at * instructionBytes + 2, offset, true);
      view.setUint32(at * instructionBytes + 4, value >>> 0, true);
    };
    put(encodeOne(one, (label) => distance(places.get(label)! - at - 1)));
    at++;
  }
  return new Uint8Array(view.buffer);
}

type Encoded = [code: number, registers: number, offset: number, value: number];

function encodeOne(one: Exclude<Instruction, { op: "label" }>, distanceTo: (label: Label) => number): Encoded {
  switch (one.op) {
    case "load":
      return [codes.load, numberOf(one.to) | (numberOf(one.from) << 4), one.offset, 0];
    case "move":
    case "and":
      return [codes[one.op], numberOf(one.to), 0, one.value];
    case "jump":
      return [codes.jump, 0, distanceTo(one.to), 0];
    case "jump-if":
      return [conditions[one.condition], numberOf(one.register), distanceTo(one.to), one.value];
    case "exit":
      return [codes.exit, 0, 0, 0];
  }
}

const numberOf = (register: Register): number => Number(register.slice(1));

function distance(instructions: number): number {
  if (instructions >= 0 && instructions <= farthest) return instructions;
  throw new RangeError(`a jump over ${instructions} instructions is too far`);
}
