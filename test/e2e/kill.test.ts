/**
 * SIGKILL before any step of any process of ours: the next command finds nothing in its way, and nothing is left; or the
 * container lives on as it should (F1, F3, F4). The suite tries every few steps; `EVERY_STEP=1 bun test test/e2e/kill.test.ts` all.
 */

import { describe, expect } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { type Machine, said, withMachine } from "../support/containers.ts";
import { type Killed, killAt, type Role } from "../support/kill-at.ts";
import { detached, monitorOf, ok, status, until } from "../support/life.ts";
import { needing, root, tool } from "../support/needs.ts";

const test = needing(root, tool("gcc"), tool("flock"));

const every = process.env.EVERY_STEP === "1";

interface Scenario {
  words: string[];
  /** Made before each turn. */
  prepare?: (machine: Machine) => Promise<unknown>;
  /** What may become of the container, as `ps -a` shows it; "" is that there is none. */
  may: RegExp;
  /** The command said again after it was killed must succeed. */
  again?: true;
  /** More to be so afterwards. */
  claim?: (machine: Machine, killed: Killed) => Promise<unknown>;
  /** Whom to kill, and every how many steps the suite does. */
  victims: Partial<Record<Role, number>>;
}

const idle = "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done";
const anyEnd = /^$|Created|Exited|Up/;
/** Started, and about to end at the stop signal: of process 1 the kernel drops what it has no handler for yet. */
async function running(machine: Machine): Promise<void> {
  await detached(machine, "box", idle);
  await until(async () => ok(await machine.run(["logs", "box"])) === "ready", "its handler is there");
}
const down = (machine: Machine) => machine.run(["run", "--name", "box", "busybox", "true"]);
const created = (machine: Machine) => machine.run(["create", "--name", "box", "busybox", "sh", "-c", idle]);

/** A command that was killed can be given again: it succeeds, or has nothing to do any more. */
const repeatable =
  (words: string[]): NonNullable<Scenario["claim"]> =>
  async (machine) => {
    const result = await machine.run(words);
    if (result.code !== 0) expect(said(result)).toContain("no such container");
    expect(await status(machine, "box")).toBe("");
  };

const scenarios: Record<string, Scenario> = {
  "run --rm": {
    words: ["run", "--rm", "--name", "box", "-v", "/anonymous", "busybox", "true"],
    may: /^$/,
    victims: { cli: 8, init: 23 },
  },
  run: {
    words: ["run", "--name", "box", "busybox", "true"],
    may: /^$|Exited/,
    victims: { cli: 11, init: 53 },
  },
  "run -d": {
    words: ["run", "-d", "--name", "box", "-v", "/anonymous", "busybox", "sh", "-c", idle],
    may: anyEnd,
    victims: { cli: 5, monitor: 7, init: 37 },
  },
  "run -d of what ends at once": {
    words: ["run", "-d", "--name", "box", "busybox", "true"],
    may: anyEnd,
    victims: { monitor: 9 },
  },
  "run -d --rm of what ends at once": {
    words: ["run", "-d", "--rm", "--name", "box", "busybox", "true"],
    may: anyEnd,
    victims: { monitor: 11 },
  },
  "run -d with a restart policy": {
    words: ["run", "-d", "--name", "box", "--restart", "on-failure:1", "busybox", "false"],
    may: anyEnd,
    victims: { monitor: 17 },
  },
  create: {
    words: ["create", "--name", "box", "-v", "/anonymous", "busybox", "true"],
    may: /^$|Created/,
    victims: { cli: 4 },
  },
  start: {
    words: ["start", "box"],
    prepare: created,
    may: /Created|Exited|Up/,
    again: true,
    victims: { cli: 6, monitor: 13, init: 61 },
  },
  stop: {
    words: ["stop", "box"],
    prepare: running,
    may: /Exited \(7\)|Up/,
    again: true,
    victims: { cli: 6 },
  },
  kill: {
    words: ["kill", "box"],
    prepare: running,
    may: /Exited \(137\)|Up/,
    victims: { cli: 7 },
  },
  restart: {
    words: ["restart", "box"],
    prepare: running,
    may: /Exited|Up/,
    again: true,
    victims: { cli: 13 },
  },
  pause: {
    words: ["pause", "box"],
    prepare: running,
    may: /Up/,
    victims: { cli: 6 },
  },
  rm: {
    words: ["rm", "box"],
    prepare: down,
    may: /^$|Exited/,
    claim: repeatable(["rm", "box"]),
    victims: { cli: 4 },
  },
  "rm -f of what runs": {
    words: ["rm", "-f", "box"],
    prepare: running,
    may: /^$|Exited|Up/,
    claim: repeatable(["rm", "-f", "box"]),
    victims: { cli: 8 },
  },
  rename: {
    words: ["rename", "box", "other"],
    prepare: down,
    may: /^$|Exited/,
    claim: async (machine) => {
      const names = ok(await machine.run(["ps", "-a", "--format", "{{.Names}}"]));
      expect(["box", "other"]).toContain(names);
      ok(await machine.run(["rm", names]));
    },
    victims: { cli: 3 },
  },
  exec: {
    words: ["exec", "box", "true"],
    prepare: running,
    may: /Up/,
    claim: async (machine) => ok(await machine.run(["exec", "box", "true"])),
    victims: { cli: 9, init: 21 },
  },
  commit: {
    words: ["commit", "box", "made"],
    prepare: (machine) => machine.run(["run", "--name", "box", "busybox", "touch", "/new"]),
    may: /Exited/,
    claim: async (machine) => {
      ok(await machine.run(["commit", "box", "made"]));
      ok(await machine.run(["run", "--rm", "made", "ls", "/new"]));
      ok(await machine.run(["rmi", "made"]));
      // One that was killed right before it gave the image its name.
      ok(await machine.run(["image", "prune", "-f"]));
    },
    victims: { cli: 31 },
  },
  update: {
    words: ["update", "--restart", "always", "box"],
    prepare: running,
    may: /Up/,
    again: true,
    victims: { cli: 7 },
  },
};

/** Whatever there is now: it works, it goes, and its name is free. */
async function settle(machine: Machine, scenario: Scenario, killed: Killed): Promise<void> {
  const { may, again, claim, words } = scenario;
  expect(killed.stderr).not.toContain("internal error");
  await until(async () => may.test(await status(machine, "box")), `ps shows one of ${may}`).catch(async (error) => {
    throw new Error(`${(error as Error).message}, but ${JSON.stringify(await status(machine, "box"))}`);
  });
  await claim?.(machine, killed);
  if (again) ok(await machine.run(words));
  const line = await status(machine, "box");
  if (line.includes("(Paused)")) ok(await machine.run(["unpause", "box"]));
  if (line !== "") ok(await machine.run(["rm", "-f", "-v", "box"]));
  expect(ok(await machine.run(["run", "--rm", "--name", "box", "busybox", "echo", "next"]))).toBe("next");
  // Only commands that look give back an address that nobody has.
  ok(await machine.run(["ps"]));
}

describe("SIGKILL before any step (F1, F4)", () => {
  for (const [title, scenario] of Object.entries(scenarios)) {
    for (const [role, stride] of Object.entries(scenario.victims) as [Role, number][]) {
      test(`of the ${role} in \`${title}\` leaves nothing that is in the way`, async () => {
        await withMachine(["busybox"], async (machine) => {
          const before = machine.snapshot();
          let step = every ? 1 : Math.ceil(stride / 2);
          for (; ; step += every ? 1 : stride) {
            await scenario.prepare?.(machine);
            const killed = await killAt(machine, role, step, scenario.words);
            try {
              await settle(machine, scenario, killed);
              await machine.expectNothingLeft(before);
              for (const place of ["running", "staging", "trash"])
                expect([place, list(machine, place)]).toEqual([place, []]);
            } catch (error) {
              throw new Error(`after kill -9 before step ${step}, ${killed.before}: ${(error as Error).message}`);
            }
            if (killed.before === undefined) break;
          }
          expect(step).toBeGreaterThan(Math.ceil(stride / 2));
        });
      }, 300_000);
    }
  }
});

test("a monitor that is still dying when the next command looks leaves nothing when that one takes its place", async () => {
  await withMachine(["busybox"], async (machine) => {
    const before = machine.snapshot();
    let step = 1;
    for (const words of [
      ["start", "box"],
      ["rm", "box"],
      ["rm", "-f", "box"],
      ["restart", "box"],
    ]) {
      ok(await created(machine));
      // The first step at which it has a cgroup, with nobody in it.
      for (; ; step++) {
        const { before: call } = await killAt(machine, "monitor", step, ["start", "box"]);
        if (call === undefined) throw new Error("it was never killed with a cgroup");
        if (machine.snapshot().cgroups.length > before.cgroups.length) break;
      }
      // What a process holds is its own until it is dead: its lock, too, which nobody can take before.
      const [id] = list(machine, "running");
      const dying = ["flock", "--no-fork", join(machine.root, "running", id!), "sh", "-c", "echo held; sleep 0.5"];
      const holder = Bun.spawn(dying, { stdio: ["ignore", "pipe", "inherit"] });
      await holder.stdout.getReader().read();
      const result = await machine.run(words);
      expect([words, result.code, said(result)]).toEqual([words, 0, ""]);
      await holder.exited;
      await machine.run(["rm", "-f", "box"]);
      await machine.expectNothingLeft(before);
    }
  });
});

function list(machine: Machine, place: string): string[] {
  try {
    return readdirSync(join(machine.root, place));
  } catch {
    return [];
  }
}

test.each(["stop -t 0", "rm -f"])(
  "a monitor that somebody has stopped goes on for `%s`, to write down what becomes of its container",
  async (command) => {
    await withMachine(["busybox"], async (machine) => {
      const before = machine.snapshot();
      const id = ok(await machine.run(["run", "-d", "--name", "box", "busybox", "sleep", "1000"])).trim();
      process.kill(monitorOf(machine, id), "SIGSTOP");
      ok(await machine.run([...command.split(" "), "box"]));
      expect(ok(await machine.run(["ps", "-aq", "--filter", "status=running"]))).toBe("");
      ok(await machine.run(["rm", "-f", "box"]));
      await machine.expectNothingLeft(before);
    });
  },
);
