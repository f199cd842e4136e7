/**
 * A child with an almost empty memory of its own that runs a program of system calls.
 *
 * Everything that this process has mapped is marked MADV_DONTFORK, and only the interpreter, the child's arena and the page
 * of glibc's rseq area are unmarked: so the clone copies three page table entries, whatever size we have, and nothing of ours
 * is in the child, to be read by ptrace or to be copied on write. It works with any number of threads: the child runs none of
 * our code, so it does not matter which locks they hold. The marks are for speed; that nothing else is in the child its first
 * records see to (`own-memory`).
 *
 * Nothing is unmarked again. Whoever has launched once can't fork(2) any more; vfork(2) and posix_spawn(3) are fine, and Bun
 * uses no other.
 */

import { read } from "bun:ffi";
import { readFile } from "../file.ts";
import { bind, cstr, syscallError } from "../libc.ts";
import type { Arena, Range } from "./arena.ts";
import { interpreterRange, pageBytes } from "./arena.ts";
import { type Assembled, assemble } from "./assemble.ts";
import { Field, Frame, names, type Program, Slot } from "./record.ts";
import { room, Writer, words } from "./writer.ts";

const libc = bind({ dlsym: ["long", "long", "ptr"] });

/** A child that runs a program: its number, a descriptor that stands for it, and what it says of itself. */
export interface Launched {
  pid: number;
  pidfd: number;
  assembled: Assembled;
}

export interface LaunchOptions {
  /** Flags of clone3(2). */
  flags?: ("CLONE_NEWPID" | "CLONE_NEWUSER")[];
  /** An open cgroup v2 directory that it is born in. */
  cgroup?: number;
  given: Record<string, number | string | Uint8Array>;
  /** Descriptors that it keeps. */
  keep: number[];
}

/** Where the memory of user space ends. An arm64 kernel has 39 to 48 bits of it, and munmap(2) beyond is EINVAL. */
function endOfMemory(): number {
  if (process.arch !== "arm64") return 0x7fff_ffff_f000;
  const lines = readFile("/proc/self/maps").trimEnd().split("\n");
  return Math.max(...lines.map((line) => Number.parseInt(line.slice(line.indexOf("-") + 1), 16)));
}

let rseqOffset: { bytes: number | undefined } | undefined;

/** Where glibc (from 2.35 on) has registered its rseq area, as an offset from the thread pointer; undefined with musl. */
function offsetOfRseq(): number | undefined {
  const symbol = (name: string): number => libc.dlsym(0, cstr(name));
  const find = (): number | undefined => {
    const size = symbol("__rseq_size");
    const offset = symbol("__rseq_offset");
    return size && offset && read.u32(size as never) > 0 ? Number(read.i64(offset as never)) : undefined;
  };
  rseqOffset ??= { bytes: find() };
  return rseqOffset.bytes;
}

/** Assembles a program and clones a process that runs it. Call it from the main thread: the parent's death signal follows the thread. */
export function launch(program: Program, { flags = [], cgroup, given, keep }: LaunchOptions): Launched {
  const assembled = assemble(program, {
    given,
    keep,
    code: interpreterRange(),
    rseq: rseqPage(),
    end: endOfMemory(),
    shared: true,
  });
  const { arena } = assembled;
  const own = launcherOf(assembled, flags, cgroup);
  try {
    const { pid, pidfd } = own.run();
    return { pid, pidfd, assembled };
  } catch (error) {
    arena.unmap();
    throw error;
  }
}

let rseq: { page: Range | undefined } | undefined;

/** The page of this thread's rseq area: the kernel writes there whenever it has interrupted the thread, also in the child. */
function rseqPage(): Range | undefined {
  if (rseq) return rseq.page;
  const offset = offsetOfRseq();
  if (offset !== undefined) {
    const writer = new Writer();
    writer.step("thread");
    const entry = writer.label();
    const pointer = new Slot("thread pointer", true);
    writer.operation("thread");
    writer.records.at(-1)!.into = pointer;
    writer.operation("return", [0]);
    const own = assemble(writer.program(entry, new Frame()), { given: {}, keep: [], shared: false });
    own.arena.run(own.entry, own.frame.at);
    const area = readWide(own.arena, pointer.at) + offset;
    own.arena.unmap();
    const start = area - (area % pageBytes());
    rseq = { page: { start, end: start + pageBytes() } };
  } else rseq = { page: undefined };
  return rseq.page;
}

const readWide = ({ i32 }: Arena, at: number): number => (i32[at >> 2]! >>> 0) + i32[(at >> 2) + 1]! * 4294967296;

const SIGCHLD = 17;
const everySignal = -1;
/** There are holes in what we mark. */
const holes = ["ENOMEM"] as const;

/** What our own thread does: marks, clones, and is as it was. Its records lie in an arena that no child has. */
function launcherOf(
  { arena, entry, frame }: Assembled,
  flags: LaunchOptions["flags"] & {},
  cgroup: number | undefined,
) {
  const writer = new Writer();
  const start = writer.label();
  const old = room("old mask", 8);
  const numbers = room("pid, pidfd", 16);
  const code = interpreterRange();
  const page = rseqPage();
  writer.step("mark");
  writer.call("rt_sigprocmask", [names("SIG_SETMASK"), words("every signal", { mask: everySignal }), old, 8]);
  const advise = (range: Range, advice: "MADV_DONTFORK" | "MADV_DOFORK") => {
    const block = words("range", { start: range.start, length: range.end - range.start });
    const [from, length] = [0, 8].map((offset) => new Field(block, offset, "u64"));
    writer.call("madvise", [from!, length!, names(advice)], { ok: holes });
  };
  advise({ start: 0, end: endOfMemory() }, "MADV_DONTFORK");
  for (const range of [code, arena.range, ...(page ? [page] : [])]) advise(range, "MADV_DOFORK");
  writer.step("clone");
  const all = names(
    "CLONE_PIDFD",
    "CLONE_CLEAR_SIGHAND",
    ...flags,
    ...(cgroup === undefined ? [] : ["CLONE_INTO_CGROUP" as const]),
  );
  const args = words("clone_args", {
    flags: all,
    pidfd: new Field(numbers, 8, "address"),
    child_tid: 0,
    parent_tid: 0,
    exit_signal: SIGCHLD,
    stack: arena.stack(0),
    stack_size: pageBytes(),
    tls: 0,
    set_tid: 0,
    set_tid_size: 0,
    cgroup: cgroup ?? 0,
  });
  const base = words("base", { base: arena.base });
  const childEntry = entry;
  const childFrame = frame.at;
  writer.records.push({
    call: "clone",
    args: [args, 88, childEntry, childFrame, new Field(base, 0, "u64")],
    into: new Field(numbers, 0, "address"),
    step: 1,
  });
  const restore = () => writer.call("rt_sigprocmask", [names("SIG_SETMASK"), old, 0, 8]);
  restore();
  writer.operation("return", [0]);
  const failed = writer.label();
  restore();
  writer.operation("return", [0]);
  const own = assemble(writer.program(start, new Frame(failed)), { given: {}, keep: [], shared: false });
  return {
    run: (): { pid: number; pidfd: number } => {
      own.arena.run(own.entry, own.frame.at);
      const errno = own.arena.i32[(own.frame.at >> 2) + 2]!;
      const pid = own.arena.i32[numbers.at >> 2]!;
      const pidfd = own.arena.i32[(numbers.at >> 2) + 2]!;
      const step = own.steps[own.arena.i32[(own.frame.at >> 2) + 1]!];
      own.arena.unmap();
      if (errno !== 0) throw syscallError(step === "clone" ? "clone3" : "madvise", flags.join("|") || "a child", errno);
      return { pid, pidfd };
    },
  };
}
