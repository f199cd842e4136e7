/** Engines that call our OCI runtime: what their users see with it is to be, word by word, what they see with runc. */

import { expect } from "bun:test";
import { readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { type Caller, callerCommand, missingForCaller, sectionsOf } from "../../helpers/callers/scripts.ts";
import { binary, type Result } from "./cli.ts";
import { imageTar } from "./containers.ts";
import { temporaryDirectory } from "./temporary.ts";

export const caller = (name: Caller) => (): string | undefined => missingForCaller(name);

interface Asked {
  name: Caller;
  sections: string[];
  bySystemd?: boolean;
  /** Runs a script. */
  perform: (argv: string[]) => Promise<Result>;
}

async function show(asked: Asked, runtime: string): Promise<[shown: Map<string, string>, stderr: string]> {
  const { stdout, stderr, code } = await asked.perform(
    callerCommand(asked.name, runtime, asked.sections, asked.bySystemd),
  );
  expect([code, stderr]).toEqual([0, stderr]);
  return [sectionsOf(stdout), stderr];
}

/** Written down with the engines of Debian 12; others, which may have other words, are asked. */
const withRunc = async (asked: Asked): Promise<Map<string, string>> =>
  /^VERSION_CODENAME=bookworm$/m.test(readFileSync("/etc/os-release", "utf8"))
    ? sectionsOf(readFileSync(join(import.meta.dir, `../../helpers/callers/${asked.name}.txt`), "utf8"))
    : (await show(asked, "runc"))[0];

export async function expectAsWithRunc(asked: Asked): Promise<void> {
  imageTar("busybox");
  const link = join(temporaryDirectory(), "tinydocker-runtime");
  symlinkSync(binary(), link);
  const [shown, stderr] = await show(asked, link);
  const expected = await withRunc(asked);
  for (const section of asked.sections)
    expect([section, shown.get(section), stderr]).toEqual([section, expected.get(section), stderr]);
}
