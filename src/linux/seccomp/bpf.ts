/** Classic BPF as seccomp(2) takes it: instructions and their bytes, and what a filter answers. Pure. */

/** struct sock_filter. Jumps are relative to the next instruction. */
export interface Instruction {
  code: number;
  /** Instructions to skip if the comparison holds, and if not: at most 255. */
  jt: number;
  jf: number;
  k: number;
}

/** The codes that filters are made of; all compare the accumulator with `k`. */
export const codes = {
  /** Loads the 32 bits at offset `k` of struct seccomp_data. */
  load: 0x20,
  and: 0x54,
  /** Skips `k` instructions. */
  jump: 0x05,
  equal: 0x15,
  greater: 0x25,
  greaterOrEqual: 0x35,
  /** Answers `k`. */
  answer: 0x06,
} as const;

export type Comparison = "equal" | "greater" | "greaterOrEqual";

/** BPF_MAXINSNS. */
export const maxInstructions = 4096;
/** What `jt` and `jf` can hold. */
export const maxOffset = 255;

export const instructionBytes = 8;

export function encode(instructions: readonly Instruction[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(instructions.length * instructionBytes));
  instructions.forEach(({ code, jt, jf, k }, index) => {
    const at = index * instructionBytes;
    view.setUint16(at, code, true);
    view.setUint8(at + 2, jt);
    view.setUint8(at + 3, jf);
    view.setUint32(at + 4, k, true);
  });
  return new Uint8Array(view.buffer);
}

export function decode(bytes: Uint8Array): Instruction[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / instructionBytes }, (_, index) => {
    const at = index * instructionBytes;
    return {
      code: view.getUint16(at, true),
      jt: view.getUint8(at + 2),
      jf: view.getUint8(at + 3),
      k: view.getUint32(at + 4, true),
    };
  });
}

/** Offsets in struct seccomp_data, on a little-endian machine. */
export const dataOffset = {
  number: 0,
  architecture: 4,
  low: (argument: number): number => 16 + 8 * argument,
  high: (argument: number): number => 20 + 8 * argument,
};

/** SECCOMP_RET_*: the upper half of an answer is what happens, the lower one a number for it. The smaller, the stricter, as the kernel has it. */
export const answers = {
  killProcess: 0x80000000,
  killThread: 0x00000000,
  trap: 0x00030000,
  errno: 0x00050000,
  notify: 0x7fc00000,
  trace: 0x7ff00000,
  log: 0x7ffc0000,
  allow: 0x7fff0000,
} as const;

export type Answer = keyof typeof answers;

/** What the upper half of an answer says. */
export const answerOf = (value: number): Answer =>
  (Object.keys(answers) as Answer[]).find((name) => answers[name] === (value & 0xffff0000) >>> 0)!;

/** The smaller number is the stricter answer: SECCOMP_RET_KILL_PROCESS is the least as a signed number. */
export const isStricter = (one: number, other: number): boolean => (one | 0) < (other | 0);
