/** Where the processor time of a command goes: samples of every 100 µs, by system call or by whose code it is. */

import { columnOf } from "./life.ts";
import { add, type Matrix } from "./matrix.ts";
import type { Frame, Recording } from "./perf.ts";

/**
 * A clock, as virtual machines often have no hardware counters. It is what makes a sample that costs: at 50 µs they took half as
 * long again as the program itself.
 */
export const periodUs = 100;
export const howToSample = ["-e", "cpu-clock", "-c", String(periodUs * 1000), "-g"];

/** @param binary the program that is profiled. */
export function countSamples(into: Matrix, { life, samples }: Recording, binary: string): void {
  for (const { pid, tid, time, frames } of samples) add(into, causeOf(frames, binary), columnOf(life, pid, tid, time));
}

/** The outermost of what the kernel was asked for, as one asks for the other; else whose code was running. */
export function causeOf(frames: Frame[], binary: string): string {
  for (const { symbol, object } of frames.toReversed()) {
    if (!object.startsWith("[kernel")) continue;
    if (symbol.includes("asm_exc_page_fault")) return "page faults";
    const call = /^__(?:x64|arm64)_sys_(\w+)/.exec(symbol)?.[1];
    if (call !== undefined) return `\`${call}\``;
    if (/^(?:asm_)?(?:sysvec|common_interrupt)/.test(symbol)) return "interrupts";
    if (/^ret_from_fork/.test(symbol)) return "a new task's first return from the kernel";
  }
  const [innermost] = frames;
  if (!innermost) return "unknown";
  if (innermost.object.startsWith("[kernel")) return "the way into and out of system calls";
  if (innermost.object === binary) return "code of Bun: start, JavaScript, garbage collection";
  if (/\/ld-[^/]*$/.test(innermost.object)) return "the dynamic loader";
  if (/anon|perf-\d+\.map/.test(innermost.object)) return "compiled JavaScript (JIT)";
  return `code of ${innermost.object.replace(/^.*\//, "")}`;
}
