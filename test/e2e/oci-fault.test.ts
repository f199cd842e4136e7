/**
 * A fault at every record of the program of a bundle, and at every step of the host's side: whoever called hears in which step,
 * and nothing is left (F3). SIGKILL at any of them: the next command finds nothing in its way (F1, F4). The suite tries every
 * few steps; `EVERY_STEP=1 bun test test/e2e/oci-fault.test.ts` all.
 */

import { describe, expect } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { callNumber } from "../../src/linux/program/calls.ts";
import type { Program } from "../../src/linux/program/record.ts";
import { planBundle } from "../../src/plan/bundle/bundle.ts";
import { planJoin } from "../../src/plan/bundle/exec.ts";
import type { StdioKind } from "../../src/plan/init-step.ts";
import { compileInit } from "../../src/plan/program/compile.ts";
import { compileExec } from "../../src/plan/program/compile-exec.ts";
import { compileOptions } from "../../src/runtime/given.ts";
import { readConfig } from "../../src/runtime/oci/config.ts";
import type { Result } from "../support/cli.ts";
import { disturbance } from "../support/kill-at.ts";
import { needing, root, tool } from "../support/needs.ts";
import { type Config, type RuntimeSandbox, runtimeSandbox } from "../support/runtimes.ts";

const x64 = (): string | undefined => (process.arch === "x64" ? undefined : "an x86_64 machine");
const test = needing(root, tool("gcc"), x64);

const every = process.env.EVERY_STEP === "1";

/** More than the usual: a bind, a tmpfs, another user, a sysctl, a filter, a cgroup below others. */
function change(config: Config): void {
  config.process.user = { uid: 1000, gid: 1000, additionalGids: [5], umask: 0o27 };
  config.process.cwd = "/tmp";
  config.hostname = "faulty";
  config.mounts.push(
    { destination: "/etc", type: "bind", source: "/etc", options: ["rbind", "ro"] },
    { destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["size=1m"] },
  );
  config.linux.sysctl = { "net.ipv4.ip_unprivileged_port_start": "0" };
  config.linux.cgroupsPath = "/above/box";
  config.linux.namespaces.push({ type: "cgroup" });
  config.linux.seccomp = {
    defaultAction: "SCMP_ACT_ALLOW",
    architectures: ["SCMP_ARCH_X86_64"],
    syscalls: [{ names: ["acct"], action: "SCMP_ACT_ERRNO" }],
  };
}

interface Command {
  words: string[];
  /** Done before each turn. */
  prepare?: string[][];
  /** What may have become of the container when the command fails, and when it is killed. */
  fails: RegExp;
  killed: RegExp;
}

const created = [["create", "-b", "B", "c"]];
const started = [["run", "-d", "-b", "B", "c"]];
const commands: Record<string, Command> = {
  create: { words: ["create", "-b", "B", "c"], fails: /gone/, killed: /gone|created|stopped/ },
  run: { words: ["run", "-b", "TRUE", "c"], fails: /gone|stopped/, killed: /gone|created|running|stopped/ },
  start: { words: ["start", "c"], prepare: created, fails: /created|running/, killed: /created|running/ },
  delete: { words: ["delete", "c"], prepare: created, fails: /gone|created|stopped/, killed: /gone|created|stopped/ },
  "delete --force": {
    words: ["delete", "--force", "c"],
    prepare: started,
    fails: /gone|running|stopped/,
    killed: /gone|running|stopped/,
  },
  exec: { words: ["exec", "c", "true"], prepare: started, fails: /running/, killed: /running/ },
};

/** A machine with the bundles that the commands above name. */
class Faulty {
  private readonly bundles: Record<string, string>;

  constructor(readonly box: RuntimeSandbox) {
    this.bundles = { B: box.bundle("b", ["sleep", "600"], change), TRUE: box.bundle("t", ["true"], change) };
  }

  call(words: string[], under: string[] = []): Promise<Result> {
    return this.box.call(
      words.map((word) => this.bundles[word] ?? word),
      { under },
    );
  }

  async ok(words: string[]): Promise<void> {
    const { code, stderr } = await this.call(words);
    if (code !== 0) throw new Error(`${words.join(" ")}: ${code}: ${stderr}`);
  }

  /**
   * Does a command with a fault at its step `step`, sees what became of the container, and removes that.
   * @returns undefined if there was no such step.
   */
  async disturb({ words, prepare = [] }: Command, role: string, step: number): Promise<Disturbed | undefined> {
    for (const one of prepare) await this.ok(one);
    const { argv, before } = disturbance(this.box.tmp, role, step);
    const result = await this.call(words, argv);
    const call = before();
    const { status } = await this.box.state("c");
    // Whatever it is by now: it can be removed, then its id is free.
    await this.ok(["delete", "--force", "c"]);
    expect(readdirSync(this.box.states)).toEqual([]);
    return call === undefined ? undefined : { ...result, call, status };
  }
}

interface Disturbed extends Result {
  /** That was not made: its name or number. */
  call: string;
  /** Of the container, afterwards. */
  status: string;
}

/** Where the suite begins with a command, and every how many steps it goes on. */
type Steps = Record<string, readonly [first: number, stride: number]>;

/** Disturbs commands at every step, or every few ones, and looks at what comes of each; nothing is left then. */
async function atSteps(
  role: string,
  all: Steps,
  look: (name: string, result: Disturbed, step: number) => void,
  prepare?: (box: RuntimeSandbox) => void,
): Promise<void> {
  await using box = await runtimeSandbox("tinydocker");
  const faulty = new Faulty(box);
  prepare?.(box);
  // What the first run makes for all others.
  await faulty.ok(["run", "-b", "TRUE", "first"]);
  const before = box.snapshot();
  for (const [name, [first, stride]] of Object.entries(all)) {
    let step = every ? 1 : first;
    for (; ; step += every ? 1 : stride) {
      const result = await faulty.disturb(commands[name]!, role, step);
      if (result === undefined) break;
      look(name, result, step);
      if (every) await box.expectNothingLeft(before);
    }
    // Otherwise nothing has been shown.
    expect([name, step > first]).toEqual([name, true]);
  }
  await box.expectNothingLeft(before);
}

/** The steps in which a program makes a call, by its number, and whether the call may fail. */
function callsOf({ records, steps }: Program): Map<string, { steps: Set<string>; answers: boolean }> {
  const calls = new Map<string, { steps: Set<string>; answers: boolean }>();
  for (const { call, step, ok: answers } of records) {
    if (["test", "add", "return", "thread", "clone"].includes(call)) continue;
    const names = call === "own-memory" ? ["mmap", "munmap"] : call === "close-inherited" ? ["close_range"] : [call];
    for (const name of names) {
      const number = String(callNumber(name as never));
      const known = calls.getOrInsertComputed(number, () => ({ steps: new Set<string>(), answers: false }));
      known.steps.add(steps[step]!);
      known.answers ||= answers?.includes("EPERM") ?? false;
    }
  }
  return calls;
}

/** What init does, and what a process of `exec` does, with these words. */
function programOf(name: string, bundle: string): Program {
  const { spec } = readConfig(bundle);
  const stdio: StdioKind[] = ["inherited", "inherited", "inherited"];
  const place = { id: "one", directory: bundle };
  if (name === "exec") {
    const plan = planJoin(spec, spec.process, { stdio, detach: false, preserveFds: 0, place });
    return compileExec([...plan.setup, ...plan.start], compileOptions(), plan);
  }
  const cgroup = "/sys/fs/cgroup/above/box";
  const options = { ...place, cgroup, stdio, outlives: name === "create", waits: name === "create" };
  const { setup, start } = planBundle(spec, options, {});
  return compileInit([...setup, ...start], compileOptions());
}

/** The step that an error names; what is said of the program comes of the steps that look for it and execute it. */
const stepsIn = ({ stderr }: Result): string[] =>
  /^(exec: |cannot execute )/.test(stderr)
    ? ["find-program", "execute"]
    : [/^([a-z-]+): cannot /.exec(stderr)?.[1] ?? stderr];

describe("EPERM for a record of init", () => {
  for (const [name, steps] of Object.entries({ create: [2, 37], run: [21, 61], exec: [3, 19] } as const))
    test(`fails \`${name}\` with the step's name, and leaves nothing (F3)`, async () => {
      let calls = new Map<string, { steps: Set<string>; answers: boolean }>();
      const look = (_: string, result: Disturbed, step: number) => {
        const { call, code, status, stderr } = result;
        const known = calls.get(call);
        expect([step, call, known]).toEqual([step, call, expect.anything()]);
        // It is an answer; or `create` has done its work, and init tells nobody any more.
        if (code === 0) expect([step, call, known!.answers || status === "stopped"]).toEqual([step, call, true]);
        else {
          expect([step, stderr]).toEqual([step, expect.stringMatching(/EPERM|operation not permitted/)]);
          expect([step, stepsIn(result).some((one) => known!.steps.has(one))]).toEqual([step, true]);
          expect([step, code, status]).toEqual([step, name === "exec" ? 255 : 1, name === "exec" ? "running" : "gone"]);
        }
      };
      await atSteps("init/all", { [name]: steps }, look, (box) => {
        calls = callsOf(programOf(name, join(box.directory, "b")));
      });
    }, 1_200_000);
});

test("EPERM for a call of ours fails the command with what could not be done, and leaves nothing (F3, F4)", async () => {
  const all = { create: [3, 8], start: [2, 2], delete: [3, 4], "delete --force": [4, 5], exec: [3, 5] } as const;
  await atSteps("cli/any", all, (name, { call, code, status, stderr }, step) => {
    const at = [name, step, call];
    // Of some nothing depends: closing what the caller has open, giving away a file that stdio is.
    if (code === 0) return expect(["close_range", "fchown", "openat2"]).toContain(call);
    expect([...at, stderr]).toEqual([...at, expect.stringMatching(/^([a-z-]+: )?cannot .*EPERM/)]);
    expect([...at, status]).toEqual([...at, expect.stringMatching(commands[name]!.fails)]);
  });
}, 1_200_000);

describe("SIGKILL before any step", () => {
  const victims: Record<string, Steps> = {
    cli: { create: [7, 7], run: [9, 11], start: [4, 1], delete: [4, 4], "delete --force": [5, 5], exec: [5, 5] },
    init: { create: [19, 53], run: [31, 83], exec: [7, 29] },
  };
  for (const [role, all] of Object.entries(victims))
    test(`of the ${role} leaves nothing that is in the way, whatever the command (F1, F3, F4)`, async () => {
      await atSteps(role, all, (name, { call, code, status, stderr }, step) => {
        const at = [name, step, call];
        expect([...at, status]).toEqual([...at, expect.stringMatching(commands[name]!.killed)]);
        // Of its own death nobody can tell; of init's the command does, unless that is the program by then.
        if (role === "init" && code !== 0 && call !== "execve")
          expect([...at, stderr]).toEqual([...at, expect.stringMatching(/was killed before the program/)]);
      });
    }, 1_200_000);
});
