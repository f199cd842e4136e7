/**
 * From decisions to a BPF program: a binary search over the numbers of calls, so that each costs about eight comparisons.
 * Pure. Written from its end to its beginning, as jumps only go forwards: what is jumped to is there already.
 */

import { InvalidError } from "../../errors.ts";
import {
  answers,
  type Comparison,
  codes,
  dataOffset,
  type Instruction,
  maxInstructions,
  maxOffset,
} from "../../linux/seccomp/bpf.ts";
import type { Condition, Decision, Decisions, Range } from "./decide.ts";

/** An instruction that is written, counted from the end; or an answer, written again wherever none is near. */
type Target = { at: number } | { answer: number };

const killed: Target = { answer: answers.killProcess };

/** @throws InvalidError for a profile with more rules than the kernel takes instructions. */
export function generate(decisions: Decisions): Instruction[] {
  const writer = new Writer();
  let other: Target = killed;
  const all = [...decisions].reverse();
  for (const [architecture, ranges] of all) {
    const search = writer.search(ranges);
    const start = { at: writer.load(dataOffset.number, search) };
    other = writer.compare("equal", architecture, start, other);
  }
  writer.load(dataOffset.architecture, other);
  const instructions = writer.program();
  if (instructions.length > maxInstructions)
    throw new InvalidError(
      `the seccomp profile takes ${instructions.length} instructions, and the kernel ${maxInstructions}`,
    );
  return instructions;
}

class Writer {
  private readonly reversed: Instruction[] = [];
  /** Where an answer was written last. */
  private readonly answers = new Map<number, number>();
  /** Decisions that are written. */
  private readonly decisions = new Map<string, number>();

  program(): Instruction[] {
    return this.reversed.toReversed();
  }

  /** Loads a word, and goes on with what is written last. */
  load(k: number, next: Target): number {
    this.goOn(next);
    return this.push({ code: codes.load, jt: 0, jf: 0, k });
  }

  compare(how: Comparison, k: number, yes: Target, no: Target): Target {
    if ("answer" in yes && "answer" in no && yes.answer === no.answer) return yes;
    // What is written for one of the two puts the other further away: room for two is left.
    const near = (target: Target) => this.near(target, maxOffset - 2);
    const [atYes, atNo] = [near(yes), near(no)];
    const here = this.reversed.length;
    return { at: this.push({ code: codes[how], jt: here - atYes - 1, jf: here - atNo - 1, k }) };
  }

  /** Finds the range that a number is in. */
  search(ranges: readonly Range[]): Target {
    if (ranges.length === 1) return this.decision(ranges[0]!.decision);
    const middle = ranges.length >> 1;
    const above = this.search(ranges.slice(middle));
    const below = this.search(ranges.slice(0, middle));
    return this.compare("greaterOrEqual", ranges[middle]!.from, above, below);
  }

  private decision({ alternatives, otherwise }: Decision): Target {
    if (alternatives.length === 0) return { answer: otherwise };
    const key = JSON.stringify([alternatives, otherwise], (_, item) =>
      typeof item === "bigint" ? String(item) : item,
    );
    const there = this.decisions.get(key);
    if (there !== undefined) return { at: there };
    let next: Target = { answer: otherwise };
    for (const { conditions, answer } of alternatives.toReversed()) {
      let held: Target = { answer };
      for (const condition of conditions.toReversed()) held = this.condition(condition, held, next);
      next = held;
    }
    if ("at" in next) this.decisions.set(key, next.at);
    return next;
  }

  /** Compares 64 bits in two halves. */
  private condition({ index, op, value, valueTwo }: Condition, yes: Target, no: Target): Target {
    const [high, low] = [dataOffset.high(index), dataOffset.low(index)];
    const [highValue, lowValue] = [Number(value >> 32n), Number(value & 0xffffffffn)];
    switch (op) {
      case "SCMP_CMP_EQ": {
        const lower = this.loaded(low, this.compare("equal", lowValue, yes, no));
        return this.loaded(high, this.compare("equal", highValue, lower, no));
      }
      case "SCMP_CMP_NE":
        return this.condition({ index, op: "SCMP_CMP_EQ", value, valueTwo }, no, yes);
      case "SCMP_CMP_GT":
      case "SCMP_CMP_GE": {
        const how = op === "SCMP_CMP_GT" ? "greater" : "greaterOrEqual";
        const lower = this.loaded(low, this.compare(how, lowValue, yes, no));
        const same = this.compare("equal", highValue, lower, no);
        return this.loaded(high, this.compare("greater", highValue, yes, same));
      }
      case "SCMP_CMP_LE":
        return this.condition({ index, op: "SCMP_CMP_GT", value, valueTwo }, no, yes);
      case "SCMP_CMP_LT":
        return this.condition({ index, op: "SCMP_CMP_GE", value, valueTwo }, no, yes);
      case "SCMP_CMP_MASKED_EQ": {
        // No number has bits that its mask has not.
        if ((valueTwo & ~value) !== 0n) return no;
        const lower = this.masked(low, lowValue, Number(valueTwo & 0xffffffffn), yes, no);
        return this.masked(high, highValue, Number(valueTwo >> 32n), lower, no);
      }
    }
  }

  private masked(offset: number, mask: number, value: number, yes: Target, no: Target): Target {
    if (mask === 0) return yes;
    const compared = this.compare("equal", value, yes, no);
    if (mask === 0xffffffff) return this.loaded(offset, compared);
    this.goOn(compared);
    const and = { at: this.push({ code: codes.and, jt: 0, jf: 0, k: mask }) };
    return this.loaded(offset, and);
  }

  private loaded(offset: number, next: Target): Target {
    return "answer" in next ? next : { at: this.load(offset, next) };
  }

  /** Sees to it that what is written last is the target, or leads there. */
  private goOn(target: Target): void {
    const at = this.near(target, 0);
    if (at !== this.reversed.length - 1) throw new Error("the next instruction is another");
  }

  /** Where a target is that a jump from the next instruction reaches, written if there is none that near. */
  private near(target: Target, most: number): number {
    const here = this.reversed.length;
    const at = "at" in target ? target.at : this.answers.get(target.answer);
    if (at !== undefined && here - at - 1 <= most) return at;
    if ("at" in target) return this.push({ code: codes.jump, jt: 0, jf: 0, k: here - target.at - 1 });
    const written = this.push({ code: codes.answer, jt: 0, jf: 0, k: target.answer });
    this.answers.set(target.answer, written);
    return written;
  }

  private push(instruction: Instruction): number {
    return this.reversed.push(instruction) - 1;
  }
}
