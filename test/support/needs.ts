/** Tests that need more than every machine has: without it they are skipped, and their title says what is missing. */

import { test } from "bun:test";
import { has } from "../../helpers/process.ts";
import { missingForVm } from "../../helpers/vm.ts";

/** What a test can need: each answers with what this machine lacks of it, in words, or undefined. */
export const root = (): string | undefined => (process.getuid?.() === 0 ? undefined : "root");
export const tool = (name: string) => (): string | undefined => (has(name) ? undefined : `the program ${name}`);
/** A kind of network device that the kernel must have: `macvlan`, `dummy`, ... */
export const linkKind = (kind: string) => (): string | undefined => {
  const upon = kind === "dummy" ? "" : "link v0";
  const id = kind === "vlan" ? "id 5" : "";
  const script = `ip link add v0 type veth peer name v1 && ip link add ${upon} name x type ${kind} ${id}`;
  const { exitCode } = Bun.spawnSync(["unshare", "--net", "sh", "-c", script], {
    stdio: ["ignore", "ignore", "ignore"],
  });
  return exitCode === 0 ? undefined : `network devices of the kind ${kind} in its kernel`;
};
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
