/** launch() from a process with many busy threads: no child is lost, and nothing is left of any. */

import { expect } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { runProgram } from "../support/cli.ts";
import { needing, root, tool } from "../support/needs.ts";

const busybox = (): string | undefined => (existsSync("/bin/busybox") ? undefined : "/bin/busybox");
const test = needing(root, busybox, tool("taskset"));

const storm = [process.execPath, join(import.meta.dir, "../support/launch-storm.ts")];

/** Runs a storm, on a command line that may come before it. */
async function runStorm(starts: number, before: string[] = []) {
  const result = await runProgram([...before, ...storm, String(starts)], { timeoutMs: 110_000 });
  if (result.code !== 0) throw new Error(`ended with ${result.code ?? result.signal}: ${result.stderr}`);
  return JSON.parse(result.stdout);
}

const whole = (starts: number) => ({ starts, bad: [], blocked: ["0".repeat(16), "0".repeat(16)] });

test("5,000 children of a process with nine or more busy threads start and end, each as it should", async () => {
  const seen = await runStorm(5000);
  expect(seen).toMatchObject(whole(5000));
  expect(seen.threads).toBeGreaterThanOrEqual(9);
  expect(seen.leaked).toBeLessThan(20);
  // The others were at work all the time.
  for (const turns of [seen.fetched, seen.zipped, seen.files, seen.worker]) expect(turns).toBeGreaterThan(100);
}, 120_000);

test("1,000 children on one CPU beside a busy process: they are interrupted wherever they are", async () => {
  const cpu = ["taskset", "-c", "0"];
  const hog = Bun.spawn([...cpu, "sh", "-c", "while :; do :; done"]);
  try {
    expect(await runStorm(1000, [...cpu, "nice", "-n", "5"])).toMatchObject(whole(1000));
  } finally {
    hog.kill("SIGKILL");
    await hog.exited;
  }
}, 120_000);
