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
import { type Fd, readFile } from "../file.ts";
import { bind, cstr, syscallError } from "../libc.ts";
import type { Arena, Range } from "./arena.ts";
import { interpreterRange, pageBytes } from "./arena.ts";
import { type Assembled, assemble } from "./assemble.ts";
import { cloneGiven, cloneProgram, pidfdOffset, pidOffset } from "./clone-program.ts";
import { Frame, type Program, Slot } from "./record.ts";
import { Writer } from "./writer.ts";

const libc = bind({ dlsym: ["long", "long", "ptr"] });

/** A child that runs a program: its number, a descriptor that stands for it, and what it says of itself. */
export interface Launched {
  pid: number;
  pidfd: Fd;
  assembled: Assembled;
}

export interface LaunchOptions {
  /** Flags of clone3(2). */
  flags?: ("CLONE_NEWPID" | "CLONE_NEWUSER")[];
  /** An open cgroup v2 directory that it is born in. */
  cgroup?: Fd;
  given: Record<string, number | string | Uint8Array>;
  /** Descriptors that it keeps. */
  keep: Fd[];
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
  try {
    return { ...cloneChild(assembled, flags, cgroup), assembled };
  } catch (error) {
    assembled.arena.unmap();
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

/** Runs the program that makes the child (clone-program.ts). @throws SyscallError with all as it was. */
function cloneChild(
  { arena, entry, frame }: Assembled,
  flags: NonNullable<LaunchOptions["flags"]>,
  cgroup: Fd | undefined,
): { pid: number; pidfd: Fd } {
  const page = rseqPage();
  const program = cloneProgram(flags, { cgroup: cgroup !== undefined, rseq: page !== undefined });
  const given: Record<string, number> = {
    [cloneGiven.memoryEnd.name]: endOfMemory(),
    ...describe(cloneGiven.code, interpreterRange()),
    ...describe(cloneGiven.arena, arena.range),
    ...(page && describe(cloneGiven.rseq, page)),
    [cloneGiven.base.name]: arena.base,
    [cloneGiven.stack.name]: arena.stack(0),
    [cloneGiven.stackBytes.name]: pageBytes(),
    [cloneGiven.entry.name]: entry,
    [cloneGiven.frame.name]: frame.at,
    ...(cgroup !== undefined && { [cloneGiven.cgroup.name]: cgroup }),
  };
  const own = assemble(program, { given, keep: [], shared: false });
  try {
    own.arena.run(own.entry, own.frame.at);
    const { i32 } = own.arena;
    const errno = i32[(own.frame.at >> 2) + 2]!;
    const failed = own.sources[i32[(own.frame.at >> 2) + 3]!]!.call;
    if (errno !== 0) throw syscallError(failed === "clone" ? "clone3" : failed, flags.join("|") || "a child", errno);
    const word = (offset: number) => i32[(program.numbers.at + offset) >> 2]!;
    return { pid: word(pidOffset), pidfd: word(pidfdOffset) as Fd };
  } finally {
    own.arena.unmap();
  }
}

const describe = ({ start, length }: (typeof cloneGiven)["arena"], range: Range): Record<string, number> => ({
  [start.name]: range.start,
  [length.name]: range.end - range.start,
});
