/** Measures commands side by side with a small C program: the cost of starting them from JavaScript would hide what is measured. */

import { existsSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { run, text } from "../process.ts";

const source = join(import.meta.dir, "measure.c");
const program = join(import.meta.dir, "../../node_modules/.cache/measure");

export interface Command {
  argv: string[];
  /** Run it in the mount namespace of this process. */
  mountNamespaceOf?: number | undefined;
}
export interface Measurement {
  medianMs: number;
  /** The tenth part that was slowest lies above it. */
  p90Ms: number;
  runs: number;
  maxRssMB: number;
}

/** Of each run; with batches, the mean of one execution. */
export interface Samples {
  wallMs: number[];
  /** User and system time together: the kernel counts them exactly, but guesses from a few ticks how they divide. */
  cpuMs: number[];
  minorFaults: number[];
  maxRssMB: number;
}
export interface How {
  /** Processes that the command leaves behind are waited for, and count. */
  everything?: boolean;
  /** Executions in each run. */
  batch?: number;
  /** How many of a batch go on at once. */
  atOnce?: number;
}

/** Runs each command once, then each again, `runs` times. @throws Error when one does not exit 0. */
export function measure(commands: Command[], runs: number): Measurement[] {
  return sample(commands, runs).map(({ wallMs, maxRssMB }) => summary(wallMs, maxRssMB * 1024));
}

/** The same with every figure of every run. `{}` in a word is the number of the execution. */
export function sample(commands: Command[], runs: number, how: How = {}): Samples[] {
  compile();
  const words = commands.flatMap(({ argv, mountNamespaceOf }, index) => [
    ...(index > 0 ? [":::"] : []),
    ...(mountNamespaceOf === undefined ? [] : [`@${mountNamespaceOf}`]),
    ...argv,
  ]);
  const options = [...(how.everything ? ["-a"] : []), "-b", String(how.batch ?? 1), "-j", String(how.atOnce ?? 1)];
  return text(program, [...options, String(runs), ...words])
    .split("\n")
    .map((line) => {
      const { ms, userMs, systemMs, minorFaults, maxRssKB } = JSON.parse(line) as Printed;
      const cpuMs = userMs.map((user, index) => user + systemMs[index]!);
      return { wallMs: ms, cpuMs, minorFaults, maxRssMB: maxRssKB / 1024 };
    });
}

/** A line of measure.c. */
interface Printed {
  ms: number[];
  userMs: number[];
  systemMs: number[];
  minorFaults: number[];
  maxRssKB: number;
}

/** Many measurements of one thing as one. */
export function summary(ms: number[], maxRssKB: number): Measurement {
  const sorted = ms.toSorted((a, b) => a - b);
  const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] as number;
  return { medianMs: at(0.5), p90Ms: at(0.9), runs: ms.length, maxRssMB: maxRssKB / 1024 };
}

function compile(): void {
  if (existsSync(program) && statSync(program).mtimeMs > statSync(source).mtimeMs) return;
  mkdirSync(join(program, ".."), { recursive: true });
  run("gcc", ["-static", "-O2", "-o", program, source]);
}
