/** Runs a seccomp filter as the kernel does: what it answers to a call, and after how many instructions. */

import { codes, dataOffset, type Instruction } from "../../src/linux/seccomp/bpf.ts";

export interface Call {
  architecture: number;
  number: number;
  /** Up to six, of 64 bits. */
  args?: bigint[];
}

export function evaluate(program: readonly Instruction[], call: Call): { answer: number; steps: number } {
  const data = new DataView(new ArrayBuffer(64));
  data.setUint32(dataOffset.number, call.number >>> 0, true);
  data.setUint32(dataOffset.architecture, call.architecture, true);
  for (const [index, value] of (call.args ?? []).entries()) data.setBigUint64(dataOffset.low(index), value, true);
  let accumulator = 0;
  for (let at = 0, steps = 1; ; at++, steps++) {
    const instruction = program[at];
    if (!instruction) throw new Error(`no instruction ${at}: the filter runs off its end`);
    const { code, jt, jf, k } = instruction;
    if (code === codes.answer) return { answer: k, steps };
    if (code === codes.load) accumulator = data.getUint32(k, true);
    else if (code === codes.and) accumulator = (accumulator & k) >>> 0;
    else if (code === codes.jump) at += k;
    else if (code === codes.equal) at += accumulator === k ? jt : jf;
    else if (code === codes.greater) at += accumulator > k ? jt : jf;
    else if (code === codes.greaterOrEqual) at += accumulator >= k ? jt : jf;
    else throw new Error(`unknown instruction ${code}`);
  }
}
