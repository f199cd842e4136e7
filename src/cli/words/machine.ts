/** Limits beyond what this machine has: refused, as they limit nothing and mostly come of reading a number as Docker does. */

import { UsageError } from "../../errors.ts";
import { readFile } from "../../linux/file.ts";

/** What a machine has. */
export interface Machine {
  memoryBytes: number;
  cpus: number;
}

export function readMachine(): Machine {
  const kilobytes = /MemTotal:\s*(\d+)/.exec(readFile("/proc/meminfo"))?.[1];
  const cpus = readFile("/sys/devices/system/cpu/online").trim();
  return { memoryBytes: Number(kilobytes) * 1024, cpus: countCpus(cpus) };
}

/** How many are in a list like `0-3,8`. */
export const countCpus = (list: string): number =>
  list.split(",").reduce((count, range) => {
    const [first, last = first] = range.split("-").map(Number);
    return count + last! - first! + 1;
  }, 0);

/** The kernel counts less than what was bought: it and the firmware keep some for themselves. */
const keptShare = 1 / 8;

/** @param text as it was given. @throws UsageError for more than there is. */
export function checkMemory(text: string, bytes: number, { memoryBytes }: Machine, option = "--memory"): void {
  if (bytes <= memoryBytes * (1 + keptShare)) return;
  const has = `this machine has ${inWords(memoryBytes)}`;
  if (!/^\d+$/.test(text.trim())) throw new UsageError(`${option}: ${text} is more than there is: ${has}`);
  const docker = `as bytes, which Docker takes it for, it is ${inWords(Number(text))}: write ${text.trim()}b`;
  throw new UsageError(`${option}: ${text} is ${inWords(bytes)}, as a bare number is MB, and ${has}`, docker);
}

/** @param isShort whether it may have been given as -c. @throws UsageError for more than there are. */
export function checkCpus(text: string, cpus: number, { cpus: count }: Machine, isShort = true): void {
  if (cpus <= count) return;
  const has = `this machine has ${count}`;
  const docker = "-c is a number of CPUs here and a weight for Docker, which is";
  throw new UsageError(
    `--cpus: ${text} CPUs are more than there are: ${has}`,
    isShort ? (Number.isInteger(cpus) ? `${docker} --cpu-shares ${cpus}` : `${docker} --cpu-shares`) : undefined,
  );
}

/** `512 MB`, `1.5 GB`: as few digits as tell it. */
function inWords(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB", "PB"];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(bytes || 1) / 10)));
  return `${Number((bytes / 1024 ** power).toPrecision(3))} ${units[power]}`;
}
