/** Lines of a cgroup as properties of its systemd unit, as far as systemd has some: the rest is written into the cgroup alone. Pure. */

import { infinity, type Property, property } from "./property.ts";

/** A line of a file, as plan/cgroup.ts has it. */
export interface Line {
  file: string;
  value: string;
  or?: { file: string; value: string };
}

/**
 * What systemd has to know of limits, or it would overwrite them when it looks at the unit again.
 * @see https://www.freedesktop.org/software/systemd/man/latest/systemd.resource-control.html
 */
export function limitProperties(lines: readonly Line[]): Property[] {
  return lines.flatMap(
    ({ file, value, or }) => propertiesOf(file, value) ?? (or && propertiesOf(or.file, or.value)) ?? [],
  );
}

const amounts: Record<string, string> = {
  "memory.max": "MemoryMax",
  "memory.high": "MemoryHigh",
  "memory.low": "MemoryLow",
  "memory.min": "MemoryMin",
  "memory.swap.max": "MemorySwapMax",
  "pids.max": "TasksMax",
};
const sets: Record<string, string> = { "cpuset.cpus": "AllowedCPUs", "cpuset.mems": "AllowedMemoryNodes" };
const weights: Record<string, string> = { "cpu.weight": "CPUWeight", "io.weight": "IOWeight" };

/** Undefined where systemd has none; what the kernel understands and systemd does not is the kernel's alone. */
function propertiesOf(file: string, value: string): Property[] | undefined {
  if (Object.hasOwn(amounts, file)) return numbers(amounts[file]!, value);
  if (Object.hasOwn(weights, file)) return numbers(weights[file]!, value.replace(/^default /, ""));
  if (Object.hasOwn(sets, file)) {
    const bits = bitsOf(value);
    return bits && [property(sets[file]!, "ay", bits)];
  }
  return file === "cpu.max" ? quota(value) : undefined;
}

function numbers(name: string, value: string): Property[] | undefined {
  const text = value.trim();
  if (text === "max") return [property(name, "t", infinity)];
  return /^\d{1,19}$/.test(text) ? [property(name, "t", text)] : undefined;
}

const defaultPeriodUs = 100_000;
/** systemd counts in hundredths of a CPU. Rounded up; the line of the cgroup has it exactly. */
const stepUs = 10_000n;

/** "QUOTA PERIOD" in µs; systemd has the quota for each second. */
function quota(value: string): Property[] | undefined {
  const [, limit, period = String(defaultPeriodUs)] = /^\s*(max|\d{1,15})(?:\s+(\d{1,15}))?\s*$/.exec(value) ?? [];
  if (limit === undefined || Number(period) === 0) return undefined;
  const perSecond = limit === "max" ? infinity : String(roundUp((BigInt(limit) * 1_000_000n) / BigInt(period)));
  return [property("CPUQuotaPeriodUSec", "t", period), property("CPUQuotaPerSecUSec", "t", perSecond)];
}

const roundUp = (us: bigint): bigint => ((us + stepUs - 1n) / stepUs) * stepUs;

const mostBits = 8192;

/** "0-2,4" as bytes of bits, the lowest first. */
function bitsOf(list: string): number[] | undefined {
  const bytes: number[] = [];
  for (const range of list.trim().split(",")) {
    const [, first, last = first] = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(range.trim()) ?? [];
    if (first === undefined || Number(last) < Number(first) || Number(last) >= mostBits) return undefined;
    for (let bit = Number(first); bit <= Number(last); bit++) {
      while (bytes.length <= bit >> 3) bytes.push(0);
      bytes[bit >> 3]! |= 1 << (bit & 7);
    }
  }
  return bytes;
}
