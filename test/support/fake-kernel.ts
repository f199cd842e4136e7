/**
 * A kernel that interprets records as interpreter.c does, with answers that a test chooses: what a program does in every case
 * is seen without a process.
 */

import { errnos } from "../../src/linux/errno.ts";
import {
  type Arg,
  Block,
  Field,
  type Frame,
  type Label,
  type Program,
  type Rec,
  Slot,
} from "../../src/linux/program/record.ts";

/** What a call answers: a result, and what it writes into its last block by offset; or the errno that it fails with. */
export type Answer = { result: number; writes?: Record<number, number> } | { errno: number };

export interface Outcome {
  /** Records that were run, in order. */
  run: Rec[];
  /** How the process ended: its exit code, or the record that made it another program. */
  end: { exit: number } | { executed: Rec };
  /** As the frame says. */
  failed?: { step: string; record: Rec; errno: number };
}

const mostRecords = 10_000;
/** What the host's side gives. */
const aDescriptor = 7;

/** Runs a program from a label on. @param answer asked for every system call. */
export function interpret(
  program: Program,
  answer: (record: Rec) => Answer,
  { entry = program.entry, frame = program.frame }: { entry?: Label; frame?: Frame } = {},
): Outcome {
  const { records, steps } = program;
  const values = new Map<Slot | string, number>();
  const blocks = new Map<Block, number>();
  const keyOf = (place: Slot | Field) => {
    if (place instanceof Slot) return place;
    const { block, offset } = place;
    if (!blocks.has(block)) blocks.set(block, blocks.size);
    return `${blocks.get(block)}+${offset}`;
  };
  const numberOf = (arg: Arg): number => {
    if (typeof arg === "number") return arg;
    if (typeof arg === "string") return 1;
    if (arg.noun === "names") return arg.value;
    if (arg.noun === "given") return aDescriptor;
    if (arg.noun === "slot" || arg.noun === "field") return values.get(keyOf(arg)) ?? (arg.noun === "slot" ? -1 : 0);
    return 0;
  };
  const outcome: Omit<Outcome, "end"> = { run: [] };
  let at = entry.index;
  for (let count = 0; count < mostRecords; count++) {
    const record = records[at++];
    if (!record) throw new Error("the program ran past its end");
    outcome.run.push(record);
    const { call, args, into, ok, to } = record;
    if (call === "test") {
      const [value = 0, mask = 0, expected = 0] = args.map(numberOf);
      if ((value & mask) !== expected) at = to!.index;
      continue;
    }
    if (call === "own-memory" || call === "close-inherited") continue;
    if (call === "exit_group") return { ...outcome, end: { exit: numberOf(args[0]!) } };
    const sum = call === "add" ? numberOf(args[0]!) + numberOf(args[1]!) : 0;
    const said: Answer = call === "add" ? (sum < 0 ? { errno: -sum } : { result: sum }) : answer(record);
    if ("result" in said) {
      if (call === "execve") return { ...outcome, end: { executed: record } };
      if (into) values.set(keyOf(into), said.result);
      const written = args.findLast((arg): arg is Block => arg instanceof Block);
      for (const [offset, value] of Object.entries(said.writes ?? {}))
        values.set(keyOf(new Field(written!, Number(offset), "i32")), value);
      continue;
    }
    if (ok?.some((name) => errnos[name] === said.errno)) {
      if (to) at = to.index;
      continue;
    }
    if (outcome.failed) continue;
    outcome.failed = { step: steps[record.step]!, record, errno: said.errno };
    if (!frame.fail) throw new Error("a failure has nowhere to go");
    at = frame.fail.index;
  }
  throw new Error("the program does not end");
}
