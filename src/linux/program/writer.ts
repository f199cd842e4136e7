/** Writes programs of system calls, record after record. Pure: addresses and numbers come later (assemble.ts). */

import type { ErrnoName } from "../errno.ts";
import type { CallName } from "./calls.ts";
import {
  type Arg,
  Block,
  type Content,
  type Field,
  Frame,
  Label,
  type Member,
  ownBase,
  type Program,
  type Rec,
  Slot,
} from "./record.ts";

export interface CallOptions {
  into?: Slot | Field;
  /** Errnos that are an answer. */
  ok?: readonly ErrnoName[];
  /** Where to go on after one of those. */
  to?: Label;
}

const none: CallOptions = {};

/** A structure of 64-bit members, by name. */
export const words = (name: string, members: Record<string, Member>): Block => new Block(name, { words: members });
export const ints = (name: string, list: (number | Member)[]): Block =>
  new Block(name, { ints: list } as Content & { ints: number[] });
export const room = (name: string, bytes: number): Block => new Block(name, { room: bytes });

/** Most bytes that the content takes, its strings included. A structure's members are counted with its record. */
function bytesOf({ content }: Block): number {
  if ("words" in content || "ints" in content) return 0;
  if ("room" in content) return content.room + 8;
  if ("bytes" in content) return "noun" in content.bytes ? 0 : content.bytes.length + 8;
  let bytes = 16;
  for (const text of content.strings) bytes += 8 + (typeof text === "string" ? textBytes(text) : 0);
  return bytes;
}

/** What the members of the structures of one record take at most: one has thirteen, of eight bytes each. */
export const structureBytes = 128;

/** UTF-8 takes at most three bytes for a UTF-16 unit. */
const textBytes = (text: string): number => text.length * 3 + 1;

export class Writer {
  readonly records: Rec[] = [];
  readonly steps: string[] = [];
  readonly others: Frame[] = [];
  private dataBytes = 0;
  private subject: string | undefined;

  /** What follows belongs to this step. @param subject what its calls are about, where no path says it. */
  step(name: string, subject?: string): void {
    this.steps.push(name);
    this.subject = subject;
  }

  /** What the following calls are about. */
  about(subject: string): void {
    this.subject = subject;
  }

  call(call: CallName, args: readonly Arg[], options: CallOptions = none): void {
    this.record(call, args, options.into, options);
  }

  private record(call: CallName, args: readonly Arg[], into: Slot | Field | undefined, { ok, to }: CallOptions): void {
    this.push({ call, args, into, ok, to, step: this.steps.length - 1, subject: this.subject });
    for (const arg of args) {
      if (typeof arg === "string") this.dataBytes += textBytes(arg);
      else if (typeof arg === "object" && arg.noun === "block") this.dataBytes += bytesOf(arg);
    }
  }

  /** A call whose result is kept. */
  into(name: string, call: CallName, args: readonly Arg[], options: Omit<CallOptions, "into"> = none): Slot {
    const slot = new Slot(name);
    this.record(call, args, slot, options);
    return slot;
  }

  /** Goes on if (value & mask) == expected, else jumps. */
  test(value: Arg, mask: number, expected: Arg, to: Label): void {
    this.operation("test", [value, mask, expected], to);
  }

  jump(to: Label): void {
    this.test(0, 0, 1, to);
  }

  /** Stores a sum; a negative one is a failure with that errno. */
  add(a: Arg, b: Arg, into?: Slot): void {
    this.push({ call: "add", args: [a, b], into, step: this.steps.length - 1, subject: this.subject });
  }

  /** Clones a process that runs the records from a label on. @param args of clone3(2). */
  clone(args: Block, entry: Arg, frame: Arg, options: CallOptions & { base?: Arg } = none): void {
    const { into, ok, to, base = ownBase } = options;
    if (frame instanceof Frame) this.others.push(frame);
    this.dataBytes += bytesOf(args);
    const all = [args, cloneArgsBytes, entry, frame, base];
    this.push({ call: "clone", args: all, into, ok, to, step: this.steps.length - 1, subject: this.subject });
  }

  operation(call: Rec["call"], args: readonly Arg[] = [], to?: Label): void {
    this.push({ call, args, to, step: this.steps.length - 1, subject: this.subject });
  }

  /** The next record is what the label means. */
  label(label = new Label()): Label {
    label.index = this.records.length;
    return label;
  }

  /** The program as it is now, to be entered at a label. */
  program(entry: Label, frame: Frame): Program {
    const { records, steps, others, dataBytes } = this;
    return { records, steps, entry, frame, others, dataBytes };
  }

  private push(record: Rec): void {
    this.records.push(record);
  }
}

/** sizeof(struct clone_args). */
export const cloneArgsBytes = 88;
