/**
 * `bun helpers/races.ts [ROUNDS [WORD...]]`: parts of paths are exchanged for symbolic links while the built binary resolves
 * them (test/support/races/), 10,000 times in each scenario if nothing else is said; the suite does a few. Words choose
 * scenarios by a part of their titles. Prints what became of the commands.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Machine, withMachine } from "../test/support/containers.ts";
import * as mounts from "../test/support/races/mounts.ts";
import type { Scenario } from "../test/support/races/swap.ts";
import { removal, treeActions, trees } from "../test/support/races/trees.ts";

const rounds = Number(process.argv[2] ?? 10_000);
const words = process.argv.slice(3);

const onMachine =
  (scenario: (machine: Machine) => Scenario): Scenario =>
  async (count) => {
    let counts: Record<string, number> = {};
    await withMachine(["busybox"], async (machine) => {
      counts = await scenario(machine)(count);
    });
    return counts;
  };

const inDirectory =
  (scenario: (directory: string) => Scenario): Scenario =>
  async (count) => {
    const directory = mkdtempSync(join(tmpdir(), "tinydocker-races-"));
    const counts = await scenario(directory)(count);
    rmSync(directory, { recursive: true });
    return counts;
  };

const scenarios: [string, Scenario][] = [
  ["targets of mounts in a bundle", mounts.targets],
  ["masks and read-only paths below /proc and /sys", mounts.masks],
  ["masks and read-only paths of a root", mounts.rootMasks],
  ["masks in a volume", onMachine(mounts.volumeMasks)],
  ...treeActions.map((name): [string, Scenario] => [name, onMachine((machine) => trees(machine, name))]),
  ["removal of trees", inDirectory(removal)],
  ["the working directory of exec", mounts.workdir],
  ["a part of a volume", onMachine(mounts.subpath)],
];

for (const [title, scenario] of scenarios) {
  if (words.length > 0 && !words.some((word) => title.includes(word))) continue;
  const counts = await scenario(rounds);
  const told = Object.entries(counts).map(([what, count]) => `${what} ${count}`);
  console.log(`${String(rounds).padStart(6)}  ${title}: ${told.join(", ")}; nothing outside was touched`);
}
