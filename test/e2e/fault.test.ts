/** When a call of init fails, or init is killed, whoever started it hears in which step; and nothing is left (F3). */

import { describe, expect } from "bun:test";
import { callNumber } from "../../src/linux/program/calls.ts";
import type { Program } from "../../src/linux/program/record.ts";
import type { InitStep } from "../../src/plan/init-step.ts";
import { compileInit } from "../../src/plan/program/compile.ts";
import { compileExec } from "../../src/plan/program/compile-exec.ts";
import { compileOptions } from "../../src/runtime/given.ts";
import { type Machine, said, withMachine } from "../support/containers.ts";
import { failCall, type Killed, killAt } from "../support/kill-at.ts";
import { detached, ok, status } from "../support/life.ts";
import { needing, root, tool } from "../support/needs.ts";

const x64 = (): string | undefined => (process.arch === "x64" ? undefined : "an x86_64 machine");
const test = needing(root, tool("gcc"), x64);

const every = process.env.EVERY_STEP === "1";

/** More than the usual: a volume, a tmpfs, another user, a working directory. */
const options = [
  ...["--network", "none", "-u", "1000:1000", "--read-only", "-w", "/work/dir", "--hostname", "faulty"],
  ...["--tmpfs", "/t:size=1m"],
];
const command = ["busybox", "true"];

const ways: Record<string, string[]> = {
  run: ["run", "--rm", "--name", "box", ...options, ...command],
  "run --init": ["run", "--rm", "--init", "--name", "box", ...options, ...command],
  "run -d": ["run", "-d", "--rm", "--name", "box", ...options, ...command],
  "run -t": ["run", "--rm", "-t", "--name", "box", ...options, ...command],
  exec: ["exec", "-u", "1000:1000", "there", "true"],
};

/** Ways of which only the calls of one step are tried: the others are as in `run`. */
const special: Record<string, string> = { "run --init": "reap", "run -t": "console" };

/** The program that init runs for these words; for exec, what its two processes have in common with every other. */
async function programOf(machine: Machine, words: string[]): Promise<Program> {
  const { stdout } = await machine.run(["explain", "--json", "--full", ...words]);
  const phases = JSON.parse(stdout).phases as { by: string; steps: InitStep[] }[];
  const steps = phases.filter(({ by }) => by === "init").flatMap((phase) => phase.steps);
  return compileInit(steps, compileOptions());
}

/** The steps in which a program makes a call, by its name. */
function callsOf(program: Program): Map<string, { steps: Set<string>; answers: boolean }> {
  const calls = new Map<string, { steps: Set<string>; answers: boolean }>();
  for (const { call, step, ok: answers } of program.records) {
    const names = call === "own-memory" ? ["mmap", "munmap"] : call === "close-inherited" ? ["close_range"] : [call];
    for (const name of names) {
      const known = calls.getOrInsertComputed(name, () => ({ steps: new Set<string>(), answers: false }));
      known.steps.add(program.steps[step]!);
      known.answers ||= answers?.includes("EPERM") ?? false;
    }
  }
  for (const operation of ["test", "add", "return", "thread", "exit_group", "clone"]) calls.delete(operation);
  // The program runs by then.
  for (const supervision of ["rt_sigtimedwait", "waitid", "kill"]) calls.delete(supervision);
  return calls;
}

/** Nothing of a failed start is left, not even a name. */
async function expectGone(machine: Machine, before: ReturnType<Machine["snapshot"]>): Promise<void> {
  expect(await status(machine, "box")).toBe("");
  await machine.expectNothingLeft(before);
}

const stepOf = (result: Killed): string => /^tinydocker: ([a-z-]+): cannot /m.exec(said(result))?.[1] ?? said(result);

describe("a call that fails with EPERM", () => {
  for (const [name, words] of Object.entries(ways)) {
    test(`ends \`${name}\` with the step's name and 125, 126 for execve, and leaves nothing`, async () => {
      await withMachine(["busybox"], async (machine) => {
        if (name === "exec") await detached(machine, "there", "exec sleep 600", ["--network", "none"]);
        const program = name === "exec" ? execProgram() : await programOf(machine, words);
        const before = machine.snapshot();
        const failed: string[] = [];
        const only = special[name];
        for (const [call, { steps, answers }] of callsOf(program)) {
          if (only && !steps.has(only)) continue;
          const result = await failCall(machine, "init", callNumber(call as never), words);
          // A step that this machine does not need.
          if (result.before === undefined) continue;
          if (result.code === 0 && answers) continue;
          expect({ call, code: result.code, error: said(result) }).toEqual({
            call,
            code: call === "execve" ? 126 : 125,
            error: expect.stringContaining("EPERM"),
          });
          expect([call, [...steps]]).toEqual([
            call,
            expect.arrayContaining([call === "execve" ? "execute" : stepOf(result)]),
          ]);
          await expectGone(machine, before);
          failed.push(call);
        }
        if (only) return;
        // All that matters has been tried.
        expect(failed).toEqual(expect.arrayContaining(["mmap", "prctl", "execve", "setresuid", "capset"]));
        expect(failed.length).toBeGreaterThan(name === "exec" ? 15 : 30);
        if (name === "exec") ok(await machine.run(["rm", "-f", "there"]));
      });
    });
  }
});

/** Its steps as planExec() has them for a container with the usual settings, as far as calls go. */
function execProgram(): Program {
  const sets = { bounding: [], effective: [], permitted: [], inheritable: [], ambient: [] };
  const steps: InitStep[] = [
    ...([{ do: "bind-to-parent" }, { do: "session" }, { do: "session-keyring" }] as const),
    { do: "stdio", stdio: ["null", "pipe", "pipe"] },
    { do: "workdir", path: "/", existing: true },
    { do: "ready" },
    { do: "umask", mask: 0o022 },
    { do: "rlimit", rlimit: { type: "RLIMIT_CORE", soft: 0, hard: 0 } },
    { do: "bounding-set", keep: [] },
    { do: "ids" } as InitStep,
    { do: "capabilities", capabilities: sets } as InitStep,
    { do: "close-fds" },
    { do: "reset-signals" },
    { do: "execute", args: ["true"], env: [] } as InitStep,
  ];
  return compileExec(steps, compileOptions());
}

describe("SIGKILL of init (F3)", () => {
  for (const [name, stride] of [
    ["run", 9],
    ["run -d", 23],
    ["exec", 3],
  ] as const) {
    test(`ends \`${name}\` with the name of the step that it died in`, async () => {
      await withMachine(["busybox"], async (machine) => {
        if (name === "exec") await detached(machine, "there", "exec sleep 600", ["--network", "none"]);
        const before = machine.snapshot();
        let step = every ? 1 : 2;
        for (; ; step += every ? 1 : stride) {
          const result = await killAt(machine, "init", step, ways[name]!);
          if (result.before === undefined) break;
          // Right before its execve it is what it executes: nothing is said, as of a program that is killed at once.
          const error = result.before === "execve" ? /^$/ : /was killed before the program ran, at step [a-z-]+$/m;
          expect([step, result.before, said(result)]).toEqual([step, result.before, expect.stringMatching(error)]);
          expect([step, result.code]).toEqual([step, 137]);
          await expectGone(machine, before);
        }
        expect(step).toBeGreaterThan(stride);
        if (name === "exec") ok(await machine.run(["rm", "-f", "there"]));
      });
    });
  }
});
