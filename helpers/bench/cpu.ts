/**
 * What a container costs in processor time and page faults, beside crun and runc: these stay the same on a machine that others
 * use, where wall time does not. All that a command starts counts, whoever reaps it; what the kernel does afterwards in threads
 * of its own (taking cgroups and namespaces apart) is in nobody's figures but the saturated ones.
 */

import { mkdirSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { type Contender, ociRuntimes, tinydocker } from "./contenders.ts";
import { emptyProgram } from "./empty.ts";
import { type Command, type How, type Samples, sample } from "./measure.ts";
import { headOf, linesOf, type Quantity, type Reference } from "./ratios.ts";

const goals = {
  cpu: "1.6 times crun, stretch 1.3",
  faults: "1,300",
  saturated: "1.7 times crun, 0.75 times runc",
  exec: "1.6 times crun",
  version: "1.15 times empty",
};
export const crun: Reference = { name: "crun", title: "crun" };
export const runc: Reference = { name: "runc", title: "runc" };
export const empty: Reference = { name: "an empty program of Bun", title: "empty" };
const warmUps = 3;
const atOnce = 4;
const mostPerBatch = 40;

/**
 * @param tar the root file system of all containers. @param binaries of tinydocker.
 * @param containers how many each contender starts while the machine is saturated.
 */
export async function benchCpu(
  directory: string,
  tar: string,
  binaries: string[],
  runs: number,
  containers: number,
): Promise<void> {
  const own = join(directory, "cpu");
  mkdirSync(own);
  const contenders: Contender[] = [];
  let release = () => {};
  try {
    for (const [index, binary] of binaries.entries())
      contenders.push(tinydocker(binary, join(own, String(index)), tar));
    const oci = await ociRuntimes(own, tar);
    release = oci.release;
    contenders.push(...oci.runtimes);
    compareContainers(contenders, binaries.length, runs, containers);
    await compareVersions(own, contenders.slice(0, binaries.length), runs);
  } finally {
    for (const contender of contenders) contender.close();
    release();
  }
  console.log(`\nload average ${loadavg()[0]!.toFixed(1)} at the end`);
}

function compareContainers(contenders: Contender[], ours: number, runs: number, containers: number): void {
  // With several of ours, how many times of the first each one is, too.
  const references: Reference[] = [
    crun,
    runc,
    ...(ours > 1 ? [{ name: contenders[0]!.name, title: "the first" }] : []),
  ];
  const print = (quantity: Omit<Quantity, "digits"> & { digits?: number }) =>
    console.log(linesOf({ digits: 1, ...quantity }, references));
  const all = contenders.map(({ name, ours, run }) => ({ name, ours, command: run }));
  console.log(headOf(references));

  const turns = together(all, runs);
  const what = `\`run --rm\` of \`true\`, ${runs} runs in turns`;
  print({ what: `${what}, CPU ms`, figures: pick(turns, "cpuMs"), digits: 2, goal: goals.cpu });
  print({ what: `${what}, minor page faults`, figures: pick(turns, "minorFaults"), digits: 0, goal: goals.faults });
  print({ what: `${what}, wall ms`, figures: pick(turns, "wallMs") });

  const alone = all.flatMap((each) => together([each], runs));
  print({ what: `the same, each ${runs} times on end, wall ms`, figures: pick(alone, "wallMs") });

  // In several batches, that what others do on the machine in the meantime is shared out.
  const batch = Math.min(mostPerBatch, containers);
  const batches = Math.ceil(containers / batch);
  const saturated = together(all, batches, { batch, atOnce });
  const busy = `${batch * batches} of them, ${atOnce} at once`;
  print({ what: `${busy}, wall ms of each`, figures: pick(saturated, "wallMs"), digits: 2, goal: goals.saturated });
  print({ what: `${busy}, CPU ms of each`, figures: pick(saturated, "cpuMs"), digits: 2, goal: goals.saturated });

  for (const contender of contenders) contender.keep();
  const entered = contenders.flatMap(({ name, ours, exec }) => (exec ? [{ name, ours, command: exec }] : []));
  const execs = together(entered, runs);
  const entering = `\`exec\` of \`true\`, ${runs} runs in turns`;
  print({ what: `${entering}, CPU ms`, figures: pick(execs, "cpuMs"), digits: 2, goal: goals.exec });
  print({ what: `${entering}, minor page faults`, figures: pick(execs, "minorFaults"), digits: 0 });
  print({ what: `${entering}, wall ms`, figures: pick(execs, "wallMs") });
}

/** The least that a command can cost, beside an empty program that was built in the same way. */
async function compareVersions(directory: string, contenders: Contender[], runs: number): Promise<void> {
  const floor = { name: empty.name, ours: false, command: { argv: [await emptyProgram(directory)] } };
  const commands = contenders.flatMap(({ name, ours, run }) =>
    ["version", "--version"].map((word) => ({
      name: `${name} ${word}`,
      ours,
      command: { argv: [run.argv[0]!, word] },
    })),
  );
  const results = together([...commands, floor], runs);
  console.log(headOf([empty]));
  const what = `\`version\`, ${runs} runs in turns`;
  const print = (quantity: Quantity) => console.log(linesOf(quantity, [empty]));
  print({ what: `${what}, CPU ms`, figures: pick(results, "cpuMs"), digits: 2, goal: goals.version });
  print({ what: `${what}, minor page faults`, figures: pick(results, "minorFaults"), digits: 0 });
  print({ what: `${what}, wall ms`, figures: pick(results, "wallMs"), digits: 1 });
}

export interface Measured {
  name: string;
  ours: boolean;
  command: Command;
}
export type Result = Measured & { samples: Samples };

/** Measures side by side, after a few runs that do not count: for the page cache. */
export function together(all: Measured[], runs: number, how: How = {}): Result[] {
  const commands = all.map(({ command }) => command);
  sample(commands, warmUps, { everything: true });
  const samples = sample(commands, runs, { everything: true, ...how });
  return all.map((each, index) => ({ ...each, samples: samples[index]! }));
}

export const pick = (results: Result[], figure: "wallMs" | "cpuMs" | "minorFaults"): Quantity["figures"] =>
  results.map(({ name, ours, samples }) => ({ name, ours, values: samples[figure] }));
