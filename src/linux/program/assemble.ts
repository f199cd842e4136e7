/** From records to what the interpreter runs: numbers, addresses and the layout of an arena. The only place that knows them. */

import { constants } from "../constants.ts";
import { errnos } from "../errno.ts";
import { Arena, type Range, recordBytes } from "./arena.ts";
import { callNumber } from "./calls.ts";
import { ArenaData } from "./data.ts";
import { type Arg, type Block, Field, type Frame, type Label, type Program, type Rec } from "./record.ts";
import { structureBytes } from "./writer.ts";

/** What a program is assembled with. */
export interface Surroundings {
  /** By the names of its `Given`. */
  given: Record<string, number | string | Uint8Array>;
  /** Descriptors that the process keeps beside 0, 1 and 2: all others it closes first. */
  keep: number[];
  /** Memory that it keeps beside its arena: all other is unmapped first. The page of rseq is emptied. */
  code?: Range;
  rseq?: Range | undefined;
  /** Where memory of user space ends. */
  end?: number;
  shared: boolean;
}

/** A program in an arena, ready to be run. */
export interface Assembled {
  arena: Arena;
  /** Number of the record to begin with. */
  entry: number;
  frame: Frame;
  others: Frame[];
  /** For each record in the arena the one that it comes from. */
  sources: Rec[];
  steps: string[];
  /** Where it reads what the kernel says of a failure. */
  log?: Block;
}

/** Records of one of the two operations that stand for several: `own-memory` and `close-inherited`. */
const maxExpanded = 8;

export function assemble(program: Program, surroundings: Surroundings): Assembled {
  const expansions = program.records.filter(({ call }) => call === "own-memory" || call === "close-inherited").length;
  const capacity = program.records.length + 1 + expansions * (maxExpanded + surroundings.keep.length);
  let given = 0;
  for (const value of Object.values(surroundings.given)) if (typeof value !== "number") given += value.length * 3 + 16;
  // Slots, and 32 bytes for each record that needs wide numbers.
  const dataBytes = program.dataBytes + given + (16 + structureBytes) * program.records.length + capacity * 8 + 1024;
  const arena = new Arena(capacity, dataBytes, surroundings.shared);
  return new Assembler(arena, surroundings).assemble(program);
}

const operations = { return: 0xf000, test: 0xf001, clone: 0xf002, add: 0xf003, thread: 0xf004 } as const;

const address = 1;
const load32 = 2;
const load64 = 3;
const wideResult = 0x1000;

class Assembler {
  private next = 1; // 0 means "no record"
  private readonly i32: Int32Array;
  private readonly data: ArenaData;
  /** First record in the arena of each record of the program. */
  private positions!: Int32Array;
  private readonly sources: Rec[] = [];

  constructor(
    private readonly arena: Arena,
    private readonly surroundings: Surroundings,
  ) {
    this.i32 = arena.i32;
    this.data = new ArenaData(arena, surroundings.given);
  }

  assemble({ records, steps, entry, frame, others, log }: Program): Assembled {
    const { arena } = this;
    this.positions = this.place(records);
    for (const one of [frame, ...others]) {
      one.at = arena.allocate(16);
      this.i32[one.at >> 2] = one.fail ? this.position(one.fail) : 0;
      this.i32[(one.at >> 2) + 1] = 0;
      this.i32[(one.at >> 2) + 2] = 0;
      this.i32[(one.at >> 2) + 3] = 0;
    }
    for (const record of records) {
      if (record.call === "own-memory") this.ownMemory(record);
      else if (record.call === "close-inherited") this.closeInherited(record);
      else this.record(record);
    }
    return { arena, entry: this.position(entry), frame, others, sources: this.sources, steps, ...(log && { log }) };
  }

  /** Most records are one in the arena. */
  private place(records: readonly Rec[]): Int32Array {
    const positions = new Int32Array(records.length + 1);
    let at = this.next;
    for (let index = 0; index < records.length; index++) {
      positions[index] = at;
      const { call } = records[index]!;
      at += call === "own-memory" ? this.unmapped().length : call === "close-inherited" ? this.gaps().length : 1;
    }
    positions[records.length] = at;
    return positions;
  }

  private position({ index }: Label): number {
    if (index < 0) throw new Error("a label was never placed");
    return this.positions[index]!;
  }

  private record(record: Rec): void {
    const { call, args, into, ok, to } = record;
    const at = (this.arena.recordsAt + this.next * recordBytes) >> 2;
    const { i32 } = this;
    let kinds = 0;
    for (let index = 0; index < args.length; index++)
      kinds |= this.argument(args[index]!, at + 3 + index) << (2 * index);
    let store = 0;
    if (into !== undefined) {
      if (into instanceof Field) store = this.data.block(into.block) + into.offset;
      else {
        store = this.data.slot(into);
        if (into.wide) kinds |= wideResult;
      }
    }
    this.head(record, at, kinds, store);
    if (to !== undefined) i32[at + 1] = record.step | (this.position(to) << 16);
    if (ok !== undefined) {
      if (ok.length > 4) throw new Error(`more than four expected errnos of ${call}`);
      let expected = 0;
      for (let index = 0; index < ok.length; index++) expected |= errnos[ok[index]!] << (8 * index);
      i32[at + 9] = expected;
    }
  }

  private head(record: Rec, at: number, kinds: number, store: number): void {
    const { call, step } = record;
    const number = call in operations ? operations[call as keyof typeof operations] : callNumber(call as never);
    this.i32[at] = number | (kinds << 16);
    this.i32[at + 1] = step;
    this.i32[at + 2] = store;
    this.sources[this.next++] = record;
  }

  /** Writes one argument. @returns its kind. */
  private argument(arg: Arg, at: number): number {
    if (typeof arg === "number") {
      this.i32[at] = arg;
      return 0;
    }
    if (typeof arg === "string") {
      this.i32[at] = this.data.string(arg);
      return address;
    }
    switch (arg.noun) {
      case "names":
        this.i32[at] = arg.value;
        return 0;
      case "slot":
        this.i32[at] = this.data.slot(arg);
        return arg.wide ? load64 : load32;
      case "block":
        this.i32[at] = this.data.block(arg);
        return address;
      case "field":
        this.i32[at] = this.data.block(arg.block) + arg.offset;
        return arg.use === "address" ? address : arg.use === "i32" ? load32 : load64;
      case "given": {
        const value = this.data.valueOf(arg);
        if (typeof value === "number") {
          this.i32[at] = value;
          return 0;
        }
        this.i32[at] = typeof value === "string" ? this.data.string(value) : this.data.bytes(value);
        return address;
      }
      case "label":
        this.i32[at] = this.position(arg);
        return 0;
      case "base":
        this.i32[at] = 0;
        return address;
      case "frame":
        this.i32[at] = arg.at;
        return 0;
    }
  }

  /** A call with numbers of 64 bits. */
  private wideCall(record: Rec, call: "mmap" | "munmap", args: number[]): void {
    const at = (this.arena.recordsAt + this.next * recordBytes) >> 2;
    let kinds = 0;
    args.forEach((value, index) => {
      const small = value >= -1 && value < 0x7fffffff;
      this.i32[at + 3 + index] = small ? value : this.data.load(value);
      if (!small) kinds |= load64 << (2 * index);
    });
    this.head({ ...record, call }, at, kinds, 0);
  }

  /**
   * Unmaps all but the interpreter, the arena and the page of rseq, which is emptied: the kernel goes on writing there. What
   * another thread mapped between the marking and the clone (launch.ts) is gone then, too.
   */
  private ownMemory(record: Rec): void {
    for (const { call, args } of this.unmapped()) this.wideCall(record, call, args);
  }

  private unmapped(): { call: "mmap" | "munmap"; args: number[] }[] {
    const { code, rseq, end } = this.surroundings;
    if (!code || end === undefined) throw new Error("a program with memory of its own is not told what to keep");
    const kept = [code, this.arena.range, ...(rseq ? [rseq] : [])].sort((a, b) => a.start - b.start);
    const { PROT_READ, PROT_WRITE, MAP_FIXED, MAP_PRIVATE, MAP_ANONYMOUS } = constants;
    const calls: ReturnType<typeof this.unmapped> = [];
    if (rseq) {
      const flags = MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS;
      calls.push({ call: "mmap", args: [rseq.start, rseq.end - rseq.start, PROT_READ | PROT_WRITE, flags, -1, 0] });
    }
    let from = 0;
    for (const range of [...kept, { start: end, end }]) {
      if (range.start > from) calls.push({ call: "munmap", args: [from, range.start - from] });
      from = range.end;
    }
    return calls;
  }

  private closeInherited(record: Rec): void {
    for (const [first, last] of this.gaps()) {
      const at = (this.arena.recordsAt + this.next * recordBytes) >> 2;
      this.i32[at + 3] = first;
      this.i32[at + 4] = last;
      this.head({ ...record, call: "close_range" }, at, 0, 0);
    }
  }

  /** Descriptors from 3 on that are not kept, as ranges. */
  private gaps(): [first: number, last: number][] {
    const gaps: [number, number][] = [];
    let from = 3;
    for (const fd of [...this.surroundings.keep].sort((a, b) => a - b)) {
      if (fd < from) continue;
      if (fd > from) gaps.push([from, fd - 1]);
      from = fd + 1;
    }
    gaps.push([from, -1]);
    return gaps;
  }
}
