/** What a container may do is what runc lets it under Docker's profile: every system call of the table, asked from inside. */

import { expect } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../helpers/process.ts";
import { machineOf, numbersOf } from "../../src/linux/seccomp/architectures.ts";
import { capabilityNames } from "../../src/oci/capabilities.ts";
import type { SeccompProfile } from "../../src/oci/seccomp.ts";
import { defaultCapabilities } from "../../src/plan/capabilities.ts";
import moby from "../../src/plan/seccomp/moby/default.json";
import { resolveProfile } from "../../src/plan/seccomp/resolve.ts";
import { runProgram } from "../support/cli.ts";
import { imageTar, type Machine, withMachine } from "../support/containers.ts";
import { ok } from "../support/life.ts";
import { needing, root, tool } from "../support/needs.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const test = needing(root, tool("runc"));

const machine = machineOf(process.arch);
/** On a machine with much to write the one takes long, and the others make the asking process another one. */
const unaskable = ["sync", "fork", "vfork", "clone"];
const calls = new Map([...numbersOf(machine)].filter(([name]) => !unaskable.includes(name)));
const numbers = [...calls.values()].map(String);

/** The last of all that Debian 12's libseccomp knows; most newer ones are unknown to it, whatever the profile says. */
const lastOfLibseccomp = 450;

type Answers = Record<string, string>;

/** The same of runc, with the profile as dockerd would hand it on. */
async function askRunc(host: Machine, capabilities: string[]): Promise<Answers> {
  const bundle = temporaryDirectory();
  mkdirSync(join(bundle, "rootfs"), { recursive: true });
  run("tar", ["-xf", imageTar("probe"), "-C", join(bundle, "rootfs")]);
  run("runc", ["spec", "--bundle", bundle]);
  const path = join(bundle, "config.json");
  const spec = await Bun.file(path).json();
  const sets = Object.fromEntries(
    ["bounding", "effective", "permitted", "inheritable", "ambient"].map((name, index) => [
      name,
      index < 3 ? capabilities : [],
    ]),
  );
  const facts = { capabilities, machine, kernel: "5.14" };
  spec.process = { ...spec.process, terminal: false, noNewPrivileges: false, capabilities: sets };
  spec.process.args = ["/bin/probe", "calls", ...numbers];
  spec.linux.seccomp = resolveProfile(moby as SeccompProfile, facts, "default.json");
  writeFileSync(path, JSON.stringify(spec));
  const argv = [
    "runc",
    "--root",
    join(bundle, "runc"),
    "run",
    "--no-pivot",
    "--bundle",
    bundle,
    `probe-${process.pid}`,
  ];
  const result = await runProgram(host.command(argv), { env: host.environment(), timeoutMs: 60_000 });
  return JSON.parse(ok(result));
}

/** What both answer, by the names of calls; and where they differ. */
function compare(ours: Answers, theirs: Answers): string[] {
  return [...calls].flatMap(([name, number]) => {
    const [our, their] = [ours[number], theirs[number]];
    const unknown = number > lastOfLibseccomp && their === "ENOSYS";
    return unknown || our === their ? [] : [`${name}: ${our}, and runc ${their}`];
  });
}

test("the list of what a container may do is that of runc with Docker's profile", async () => {
  await withMachine(["probe"], async (host) => {
    const ours = await host.ask<Answers>([], "calls", ...numbers);
    expect(compare(ours, await askRunc(host, defaultCapabilities))).toEqual([]);
    expect(Object.keys(ours).length).toBe(numbers.length);
  });
});

test("and with more capabilities, of more", async () => {
  await withMachine(["probe"], async (host) => {
    const more = ["SYS_PTRACE", "SYS_NICE", "SYSLOG", "BPF"];
    const all = [...defaultCapabilities, ...more.map((name) => `CAP_${name}`)];
    const capabilities = capabilityNames.filter((name) => all.includes(name));
    const options = more.flatMap((name) => ["--cap-add", name]);
    expect(compare(await host.ask<Answers>(options, "calls", ...numbers), await askRunc(host, capabilities))).toEqual(
      [],
    );
  });
});
