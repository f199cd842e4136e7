/** Tests that need more than every machine has: without it they are skipped, and their title says what is missing. */

import { test } from "bun:test";
import { has } from "../../helpers/process.ts";
import { missingForVm } from "../../helpers/vm.ts";

/** What a test can need: each answers with what this machine lacks of it, in words, or undefined. */
export const root = (): string | undefined => (process.getuid?.() === 0 ? undefined : "root");
export const tool = (name: string) => (): string | undefined => (has(name) ? undefined : `the program ${name}`);
export const virtualMachine = missingForVm;

/**
 * `needing(root, tool("nft"))("title", () => ...)` is test() where all is there, and a skip that names the first thing missing
 * elsewhere.
 */
export function needing(...requirements: (() => string | undefined)[]): typeof test {
  for (const requirement of requirements) {
    const lack = requirement();
    if (lack === undefined) continue;
    const skip = (title: string, ...rest: unknown[]) =>
      (test.skip as (...all: unknown[]) => void)(`${title} (skipped: this machine lacks ${lack})`, ...rest);
    return skip as unknown as typeof test;
  }
  return test;
}
