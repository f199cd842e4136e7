/** What our own thread does to make a child that runs a program: a program itself, run in an arena that no child has. Pure. */

import { type Block, type ConstantList, Field, Frame, Given, Label, names, type Program } from "./record.ts";
import { room, Writer, words } from "./writer.ts";

/** What it is told when it is assembled, by the names of its `Given`. */
export const cloneGiven = {
  memoryEnd: new Given("end of memory"),
  code: range("interpreter"),
  arena: range("arena"),
  rseq: range("page of rseq"),
  base: new Given("base of the arena"),
  stack: new Given("stack"),
  stackBytes: new Given("bytes of the stack"),
  entry: new Given("first record"),
  frame: new Given("frame"),
  cgroup: new Given("cgroup"),
} as const;

function range(name: string): { start: Given; length: Given } {
  return { start: new Given(name), length: new Given(`length of the ${name}`) };
}

/** There are holes in what is marked. */
const holes = ["ENOMEM"] as const;

/** The child's number and its pidfd stand in `numbers`. */
export interface CloneProgram extends Program {
  numbers: Block;
}
export const pidOffset = 0;
export const pidfdOffset = 8;

/** Blocks signals, marks what the child is not to have, clones, and is as it was. */
export function cloneProgram(flags: ConstantList, { cgroup, rseq }: { cgroup: boolean; rseq: boolean }): CloneProgram {
  const writer = new Writer();
  const start = writer.label();
  const failed = new Label();
  const old = room("old set", 8);
  const numbers = room("pid, pidfd", 16);
  writer.step("mark");
  const every = words("every signal", { mask: -1 });
  writer.call("rt_sigprocmask", [names("SIG_SETMASK"), every, old, 8]);
  const advise = (start: Given | number, length: Given, advice: "MADV_DONTFORK" | "MADV_DOFORK") => {
    const block = words("range", { start, length });
    writer.call("madvise", [new Field(block, 0, "u64"), new Field(block, 8, "u64"), names(advice)], { ok: holes });
  };
  const { code, arena } = cloneGiven;
  advise(0, cloneGiven.memoryEnd, "MADV_DONTFORK");
  for (const { start, length } of [code, arena, ...(rseq ? [cloneGiven.rseq] : [])])
    advise(start, length, "MADV_DOFORK");
  writer.step("clone");
  const args = words("clone_args", {
    flags: names("CLONE_PIDFD", "CLONE_CLEAR_SIGHAND", ...flags, ...(cgroup ? (["CLONE_INTO_CGROUP"] as const) : [])),
    pidfd: new Field(numbers, pidfdOffset, "address"),
    child_tid: 0,
    parent_tid: 0,
    exit_signal: names("SIGCHLD"),
    stack: cloneGiven.stack,
    stack_size: cloneGiven.stackBytes,
    tls: 0,
    set_tid: 0,
    set_tid_size: 0,
    cgroup: cgroup ? cloneGiven.cgroup : 0,
  });
  const base = new Field(words("base", { base: cloneGiven.base }), 0, "u64");
  writer.clone(args, cloneGiven.entry, cloneGiven.frame, { into: new Field(numbers, pidOffset, "address"), base });
  const restore = () => {
    writer.call("rt_sigprocmask", [names("SIG_SETMASK"), old, 0, 8]);
    writer.operation("return", [0]);
  };
  restore();
  writer.label(failed);
  restore();
  return { ...writer.program(start, new Frame(failed)), numbers };
}
