/**
 * `bun helpers/attempts.ts`: what a container may and may not do, argument by argument (images/probe/attempts.c), beside what
 * runc lets it do with the same config.json. Prints the lines that differ, and ends with 1 if one is not explained here.
 */

import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Machine, withMachine } from "../test/support/containers.ts";
import { ok } from "../test/support/life.ts";
import { runtimeProgram } from "../test/support/runtimes.ts";

/** `socket family 2 type 3: ok`, a line for each attempt of the probe. */
async function attempts(machine: Machine, runtime: string[] = []): Promise<string[]> {
  const words = ["--network", "none", "--tmpfs", "/tmp", ...runtime, "probe", "/bin/probe", "attempts"];
  return ok(await machine.container(words)).split("\n");
}

/** Of ours, and why they differ. */
const explained: [line: RegExp, why: string][] = [
  [/^socket family 38 type \d+: EPERM$/, "sockets of the kernel's cryptography are refused (docs/security.md R22)"],
  [/^ioctl (TIOCSTI.*|of a terminal 0x54(12|1c)): EPERM$/, "nobody types into a terminal (R22)"],
  [/^open c 5:1: ok$/, "Docker's list has the console, which runc adds for a terminal alone"],
  [/^open c 10:200: EPERM$/, "Docker's list has no tun, which runc adds until 1.2"],
];

await withMachine(["probe"], async (machine) => {
  const ours = await attempts(machine);
  const theirs = await attempts(machine, [
    "--runtime",
    runtimeProgram("runc", mkdtempSync(join(tmpdir(), "attempts-"))),
  ]);
  for (const [index, line] of ours.entries()) {
    if (line === theirs[index]) continue;
    const why = explained.find(([pattern]) => pattern.test(line))?.[1];
    if (why === undefined) process.exitCode = 1;
    console.log(`${line}; runc: ${theirs[index]} (${why ?? "NOT EXPLAINED"})`);
  }
  if (ours.length !== theirs.length) process.exitCode = 1;
  console.log(`${ours.length} attempts of ours, ${theirs.length} of runc's`);
});
