/**
 * `bun helpers/races.ts [ROUNDS]`: parts of paths are exchanged for symbolic links while the built binary resolves them
 * (test/support/races.ts), 10,000 times in all if nothing else is said; the suite does a few. Prints what became of them.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withMachine } from "../test/support/containers.ts";
import * as races from "../test/support/races.ts";

const all = Number(process.argv[2] ?? 10_000);
const onMachine =
  (scenario: (machine: Parameters<Parameters<typeof withMachine>[1]>[0]) => races.Scenario): races.Scenario =>
  async (rounds) => {
    let counts: Record<string, number> = {};
    await withMachine(["busybox"], async (machine) => {
      counts = await scenario(machine)(rounds);
    });
    return counts;
  };

const inDirectory =
  (scenario: (directory: string) => races.Scenario): races.Scenario =>
  async (rounds) => {
    const directory = mkdtempSync(join(tmpdir(), "tinydocker-races-"));
    const counts = await scenario(directory)(rounds);
    rmSync(directory, { recursive: true });
    return counts;
  };

/** Each with its part of all rounds. */
const scenarios: [string, number, races.Scenario][] = [
  ["targets of mounts in a bundle", 0.4, races.targets],
  ["masks and read-only paths below /proc", 0.25, races.masks],
  ["the working directory of exec", 0.05, races.workdir],
  ["a part of a volume", 0.05, onMachine(races.subpath)],
  ["cp in and out, export, commit", 0.05, onMachine(races.trees)],
  ["removal of trees", 0.2, inDirectory(races.removal)],
];

for (const [title, part, scenario] of scenarios) {
  const rounds = Math.ceil(all * part);
  const counts = await scenario(rounds);
  const told = Object.entries(counts).map(([what, count]) => `${what} ${count}`);
  console.log(`${String(rounds).padStart(6)}  ${title}: ${told.join(", ")}; nothing outside was touched`);
}
