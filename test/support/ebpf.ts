/** An interpreter of eBPF as far as device filters go, from the bytes that the kernel gets; it refuses what the verifier refuses. */

/** What is asked for: struct bpf_cgroup_dev_ctx. */
export interface DeviceAccess {
  type: "b" | "c";
  major: number;
  minor: number;
  /** Letters of rwm. */
  access: string;
}

const letters: Record<string, number> = { m: 1, r: 2, w: 4 };
const instructionBytes = 8;

interface Decoded {
  code: number;
  to: number;
  from: number;
  offset: number;
  value: number;
}

function decode(code: Uint8Array): Decoded[] {
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  return Array.from({ length: code.byteLength / instructionBytes }, (_, index) => {
    const at = index * instructionBytes;
    const registers = view.getUint8(at + 1);
    return {
      code: view.getUint8(at),
      to: registers & 15,
      from: registers >> 4,
      offset: view.getInt16(at + 2, true),
      value: view.getUint32(at + 4, true),
    };
  });
}

const exit = 0x95;
const always = 0x05;
const comparisons: Record<number, (a: number, b: number) => boolean> = {
  22: (a, b) => a === b,
  86: (a, b) => a !== b,
  166: (a, b) => a < b,
  70: (a, b) => (a & b) !== 0,
};

/** What a program answers: true is allowed. */
export function runDeviceFilter(code: Uint8Array, { type, major, minor, access }: DeviceAccess): boolean {
  const asked = [...access].reduce((mask, letter) => mask | letters[letter]!, 0);
  const context = new Map([
    [0, (type === "b" ? 1 : 2) | (asked << 16)],
    [4, major],
    [8, minor],
  ]);
  const registers: number[] = [];
  const program = decode(code);
  for (let at = 0; ; at++) {
    const one = program[at];
    if (!one) throw new Error(`there is no instruction ${at}`);
    const { code: what, to, offset, value } = one;
    const compare = comparisons[what];
    if (what === exit) return registers[0] === 1;
    if (what === 0x61) registers[to] = context.get(offset)!;
    else if (what === 0xb7) registers[to] = value;
    else if (what === 0x54) registers[to] = (registers[to]! & value) >>> 0;
    else if (what === always || compare?.(registers[to]!, value)) at += offset;
    else if (!compare) throw new Error(`instruction ${at} is unknown: ${what}`);
  }
}

/** What the kernel's verifier would refuse: jumps back or out of the program, and what is never reached. */
export function faultsOf(code: Uint8Array): string[] {
  const program = decode(code);
  const reached = new Set<number>();
  const faults: string[] = [];
  for (const open = [0]; open.length > 0; ) {
    const at = open.pop()!;
    if (reached.has(at)) continue;
    const one = program[at];
    if (!one) {
      faults.push(`something leads to ${at}, behind the end`);
      continue;
    }
    reached.add(at);
    if (one.code === exit) continue;
    const jumps = one.code === always || one.code in comparisons;
    if (jumps && one.offset < 0) faults.push(`${at} jumps back`);
    if (jumps) open.push(at + 1 + one.offset);
    if (one.code !== always) open.push(at + 1);
  }
  for (let at = 0; at < program.length; at++) if (!reached.has(at)) faults.push(`${at} is never reached`);
  return faults;
}
