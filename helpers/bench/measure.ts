/** Times commands side by side with a small C program: the cost of starting them from JavaScript would hide what is measured. */

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

/** Runs each command once, then each again, `runs` times. @throws Error when one does not exit 0. */
export function measure(commands: Command[], runs: number): Measurement[] {
  compile();
  const words = commands.flatMap(({ argv, mountNamespaceOf }, index) => [
    ...(index > 0 ? [":::"] : []),
    ...(mountNamespaceOf === undefined ? [] : [`@${mountNamespaceOf}`]),
    ...argv,
  ]);
  const lines = text(program, [String(runs), ...words]).split("\n");
  return lines.map((line) => {
    const { ms, maxRssKB } = JSON.parse(line) as { ms: number[]; maxRssKB: number };
    return summary(ms, maxRssKB);
  });
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
