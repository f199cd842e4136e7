/** Runs the compiled binary, or any program, and collects what it does. */

import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { patienceMs } from "./patience.ts";

const repository = join(import.meta.dir, "../..");

/** How a program ended, and what it printed. */
export interface Result {
  /** The exit code, or null when a signal ended it. */
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  env?: Record<string, string>;
  cwd?: string;
  /** What it reads; nothing by default. */
  stdin?: string | Uint8Array;
  /** It is killed after this time, and the result says SIGKILL. two minutes by default. */
  timeoutMs?: number;
}

/** Where the compiled binary is: tests that run beside each other have one each, by which they know their processes. */
export const binaryPath = process.env.TEST_BINARY ?? join(repository, "dist/tinydocker");

let checked: string | undefined;

/** The compiled binary. @throws Error when it was not built, or not since its source changed. */
export function binary(): string {
  checked ??= checkBuilt(binaryPath);
  return checked;
}

function checkBuilt(path: string): string {
  const built = statSync(path, { throwIfNoEntry: false });
  if (built === undefined) throw new Error("there is no dist/tinydocker: run `npm run build` first");
  for (const file of ["package.json", ...sources("src")]) {
    if (statSync(join(repository, file)).mtimeMs > built.mtimeMs) {
      throw new Error(`dist/tinydocker is older than ${file}: run \`npm run build\` first`);
    }
  }
  return path;
}

const sources = (directory: string): string[] =>
  readdirSync(join(repository, directory), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => join(directory, file));

/** Runs a program to its end. */
export async function runProgram(argv: string[], options: RunOptions = {}): Promise<Result> {
  const child = Bun.spawn(argv, {
    cwd: options.cwd ?? repository,
    env: options.env ?? (process.env as Record<string, string>),
    stdin: options.stdin === undefined ? "ignore" : Buffer.from(options.stdin),
    stdout: "pipe",
    stderr: "pipe",
    timeout: options.timeoutMs ?? 2 * patienceMs,
    killSignal: "SIGKILL",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { code: child.exitCode, signal: child.signalCode as NodeJS.Signals | null, stdout, stderr };
}
