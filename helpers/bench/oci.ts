/**
 * What the OCI runtime costs in processor time and page faults beside crun and runc, with the spec that `runc spec` writes: a
 * container in one go, in three commands, another process in it, and a question; and what `run` pays for its sandbox.
 */

import { mkdirSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { type Contender, ociRuntimes, tinydocker } from "./contenders.ts";
import { crun, empty, type Measured, pick, runc, together } from "./cpu.ts";
import { emptyProgram } from "./empty.ts";
import { headOf, linesOf, type Reference } from "./ratios.ts";

const goal = "1.5 times crun, below runc";
const kinds = {
  run: "`run` of `true`",
  life: "`create`, `start`, `delete` of `true`",
  exec: "`exec` of `true`",
  state: "`state`",
} as const;

/** @param tar the root file system of all containers. @param binaries of tinydocker. */
export async function benchOci(directory: string, tar: string, binaries: string[], runs: number): Promise<void> {
  const own = join(directory, "runtimes");
  mkdirSync(own);
  const { runtimes, release } = await ociRuntimes(own, tar, binaries);
  const floor = { name: empty.name, ours: false, command: { argv: [await emptyProgram(own)] } };
  try {
    for (const { keep } of runtimes) keep();
    const references = [crun, runc, empty];
    console.log(headOf(references));
    for (const kind of Object.keys(kinds) as (keyof typeof kinds)[]) {
      const all = runtimes.flatMap((each): Measured[] => {
        const { name, ours, [kind]: command } = each;
        return command ? [{ name, ours, command }] : [];
      });
      report(kinds[kind], [...all, floor], runs, references, kind === "state" ? "" : goal);
    }
  } finally {
    for (const { close } of runtimes) close();
    release();
  }
  sandbox(tinydocker(binaries[0]!, join(own, "engine"), tar), runs);
  console.log(`\nload average ${loadavg()[0]!.toFixed(1)} at the end`);
}

/** Options of `run` that take one fence away, or add one. To read an option costs something too, whatever it says. */
const fences = {
  "as it is": [],
  "with seccomp, by an option": ["--security-opt", "seccomp=builtin"],
  "without seccomp": ["--security-opt", "seccomp=unconfined"],
  "without a device filter": ["--device-cgroup-rule", "a *:* rwm"],
  "without both": ["--security-opt", "seccomp=unconfined", "--device-cgroup-rule", "a *:* rwm"],
  "in a user namespace": ["--userns", "auto"],
};
const asItIs: Reference = { name: "as it is", title: "as it is" };

function sandbox({ run, close }: Contender, runs: number): void {
  const at = run.argv.indexOf("busybox");
  const all = Object.entries(fences).map(([name, options]) => ({
    name,
    ours: name !== asItIs.name,
    command: { argv: run.argv.toSpliced(at, 0, ...options) },
  }));
  try {
    console.log(headOf([asItIs]));
    report("`tinydocker run --rm` of `true`", all, runs, [asItIs], "1 ms of difference");
  } finally {
    close();
  }
}

function report(what: string, all: Measured[], runs: number, references: Reference[], goal: string): void {
  const results = together(all, runs);
  const title = `${what}, ${runs} runs in turns`;
  console.log(linesOf({ what: `${title}, CPU ms`, figures: pick(results, "cpuMs"), digits: 2, goal }, references));
  const faults = { what: `${title}, minor page faults`, figures: pick(results, "minorFaults"), digits: 0 };
  console.log(linesOf(faults, references));
}
