/**
 * The memory of a program of system calls, and the page of machine code that runs it.
 *
 *     [ stack of process 2 | stack of process 1 | header, records | data ]
 *                                               ^ base; offsets count from here
 *
 * The arena of a child is shared with it and with nobody else: what it stores there we see. So we run no records out of one
 * that is shared, and what we read there is a stranger's, because whoever may ptrace the child can write it.
 */

import { CFunction, FFIType, toArrayBuffer } from "bun:ffi";
import { bind, check } from "../libc.ts";
import { interpreter } from "./interpreter.ts";

const libc = bind({
  mmap: ["long", "long", "long", "int", "int", "int", "long"],
  mprotect: ["int", "long", "long", "int"],
  munmap: ["int", "long", "long"],
  getpagesize: ["int"],
});

const PROT_READ_WRITE = 3;
const PROT_READ_EXEC = 5;
const MAP_SHARED = 1;
const MAP_PRIVATE = 2;
const MAP_ANONYMOUS = 0x20;

let known = 0;

/** Bytes of a page: 4096, on arm64 also 16 or 64 KiB. */
export function pageBytes(): number {
  known ||= libc.getpagesize();
  return known;
}

export interface Range {
  start: number;
  end: number;
}

const roundUp = (bytes: number, unit: number): number => Math.ceil(bytes / unit) * unit;

function map(bytes: number, sharing: number): number {
  return check("mmap", `${bytes} bytes`, libc.mmap(0, bytes, PROT_READ_WRITE, sharing | MAP_ANONYMOUS, -1, 0));
}

/** Stacks below the records: one for each process that may run in an arena. The interpreter needs 200 bytes of one. */
const stacks = 2;
export const recordBytes = 40;
/** The first word says where records begin; a result at 0 would be nowhere. */
const headerBytes = 64;

export class Arena {
  /** Address of the header. */
  readonly base: number;
  /** All of it, as mapped. */
  readonly range: Range;
  readonly bytes: Uint8Array;
  readonly i32: Int32Array;
  readonly recordsAt = headerBytes;
  /** Where the next piece of data goes. */
  private top: number;

  /** @param shared with a child that will run it. */
  constructor(
    records: number,
    dataBytes: number,
    private readonly shared: boolean,
  ) {
    const page = pageBytes();
    const below = stacks * page;
    const size = roundUp(below + headerBytes + records * recordBytes + dataBytes, page);
    const start = map(size, shared ? MAP_SHARED : MAP_PRIVATE);
    this.range = { start, end: start + size };
    this.base = start + below;
    const buffer = toArrayBuffer(start as never, below, size - below);
    this.bytes = new Uint8Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.i32[0] = headerBytes;
    this.top = headerBytes + records * recordBytes;
  }

  /** The lowest address of a process's stack. @param which 0 for the first. */
  stack(which: number): number {
    return this.base - (which + 1) * pageBytes();
  }

  /** Room for data. @returns its offset. */
  allocate(bytes: number, align = 8): number {
    const at = (this.top + align - 1) & -align;
    this.top = at + bytes;
    if (this.top > this.bytes.length) throw new RangeError("a program is larger than its arena");
    return at;
  }

  /** Bytes from `at` on, as they are at this moment. */
  copy(at: number, bytes: number): Uint8Array {
    return this.bytes.slice(at, Math.min(at + bytes, this.bytes.length));
  }

  /** Runs records here, in this process. @returns what they return, or -errno. */
  run(pc: number, frame: number): number {
    if (this.shared) throw new Error("records that a child can write are not run by its parent");
    return interpret()(this.base, pc, frame);
  }

  /** Nothing of it may be used any more. A child that lives keeps its own. */
  unmap(): void {
    libc.munmap(this.range.start, this.range.end - this.range.start);
  }
}

type Interpret = (base: number, pc: number, frame: number) => number;
let made: { range: Range; interpret: Interpret } | undefined;

/** The page of the interpreter, made once: it is written first and executable then, never both. */
function code(): { range: Range; interpret: Interpret } {
  if (made) return made;
  const page = pageBytes();
  const start = map(page, MAP_PRIVATE);
  const bytes = Uint8Array.fromBase64(interpreter[process.arch === "arm64" ? "arm64" : "x64"]);
  new Uint8Array(toArrayBuffer(start as never, 0, page)).set(bytes);
  check("mprotect", "the interpreter", libc.mprotect(start, page, PROT_READ_EXEC));
  const call = CFunction({
    ptr: start as never,
    returns: FFIType.i64_fast,
    args: [FFIType.i64_fast, FFIType.u32, FFIType.u32],
  });
  made = { range: { start, end: start + page }, interpret: call as unknown as Interpret };
  return made;
}

const interpret = (): Interpret => code().interpret;

/** Where the interpreter is: children keep it. */
export const interpreterRange = (): Range => code().range;

/** A failure's errno is one of these if the arena was not written by somebody else. */
export const isErrno = (value: number): boolean => value > 0 && value < 4096;
