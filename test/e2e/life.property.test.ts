/** Whatever is done to containers in whatever order: what they are is what a simple model says, and nothing is left behind. */

import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { type Machine, withMachine } from "../support/containers.ts";
import { forever, monitorOf, ok, stateOf, status, until, within } from "../support/life.ts";
import { needing, root } from "../support/needs.ts";

const test = needing(root);

/** What the model knows of a container: `orphaned` lives without its monitor, `frozen` is such a one that is paused. */
type Life = "created" | "running" | "paused" | "orphaned" | "frozen" | "exited";
type Model = Map<string, Life>;

const names = ["alpha", "beta"];
const up: Life[] = ["running", "paused", "orphaned", "frozen"];

const shown: Record<Life, RegExp> = {
  created: /Created/,
  running: /Up (?!.*(Paused|monitor))/,
  paused: /\(Paused\)/,
  orphaned: /no monitor/,
  frozen: /\(Paused\)/,
  exited: /Exited/,
};

const idOf = (machine: Machine, name: string): string => readFileSync(join(machine.root, "names", name), "utf8");

/** One thing to do to one container: its words, and what it makes of each life; absent is refused. */
class Step implements fc.AsyncCommand<Model, Machine> {
  constructor(
    readonly name: string,
    readonly word: string,
    readonly words: (name: string) => string[],
    readonly next: (life: Life | undefined) => Life | "gone" | "refused",
  ) {}
  check = () => true;
  async run(model: Model, machine: Machine): Promise<void> {
    const life = model.get(this.name);
    const next = this.next(life);
    const { code, stderr } = await machine.run(this.words(this.name));
    expect([this.toString(), code === 0, stderr]).toEqual([this.toString(), next !== "refused", stderr]);
    if (next === "gone") model.delete(this.name);
    else if (next !== "refused") model.set(this.name, next);
    await compare(model, machine);
  }
  toString = () => `${this.word} ${this.name}`;
}

/** Something that happens to a container from outside. */
class Accident implements fc.AsyncCommand<Model, Machine> {
  constructor(
    readonly name: string,
    readonly victim: "monitor" | "program",
  ) {}
  check = (model: Readonly<Model>) =>
    model.get(this.name) === "running" || (this.victim === "program" && model.get(this.name) === "orphaned");
  async run(model: Model, machine: Machine): Promise<void> {
    const id = idOf(machine, this.name);
    const pid = this.victim === "monitor" ? monitorOf(machine, id) : (stateOf(machine, id).process.pid as number);
    process.kill(pid, "SIGKILL");
    model.set(this.name, this.victim === "monitor" ? "orphaned" : "exited");
    await compare(model, machine);
  }
  toString = () => `kill -9 the ${this.victim} of ${this.name}`;
}

async function compare(model: Model, machine: Machine): Promise<void> {
  for (const name of names) {
    const life = model.get(name);
    const agrees = async () =>
      life ? shown[life].test(await status(machine, name)) : (await status(machine, name)) === "";
    await until(agrees, `${name} is ${life ?? "gone"}`);
  }
}

const refusedUnless = (allowed: Life[], then: Life | "gone") => (life: Life | undefined) =>
  life && allowed.includes(life) ? then : "refused";
const changes = (to: Partial<Record<Life, Life>>) => (life: Life | undefined) => (life && to[life]) || "refused";
const steps = (name: string): fc.Arbitrary<fc.AsyncCommand<Model, Machine>>[] => {
  const all: [string, (name: string) => string[], Step["next"]][] = [
    [
      "create",
      (n) => ["create", "--name", n, "busybox", "sh", "-c", forever],
      (life) => (life ? "refused" : "created"),
    ],
    [
      "run -d",
      (n) => ["run", "-d", "--name", n, "busybox", "sh", "-c", forever],
      (life) => (life ? "refused" : "running"),
    ],
    ["start", (n) => ["start", n], (life) => (!life ? "refused" : up.includes(life) ? life : "running")],
    ["stop", (n) => ["stop", n], (life) => (!life ? "refused" : up.includes(life) ? "exited" : life)],
    ["restart", (n) => ["restart", n], (life) => (life ? "running" : "refused")],
    ["kill", (n) => ["kill", n], refusedUnless(up, "exited")],
    ["rm", (n) => ["rm", n], refusedUnless(["created", "exited"], "gone")],
    // Of what is not there it is no error, as Docker has it.
    ["rm -f", (n) => ["rm", "-f", n], () => "gone"],
    ["pause", (n) => ["pause", n], changes({ running: "paused", orphaned: "frozen" })],
    ["unpause", (n) => ["unpause", n], changes({ paused: "running", frozen: "orphaned" })],
    ["exec", (n) => ["exec", n, "true"], (life) => (life === "running" || life === "orphaned" ? life : "refused")],
  ];
  return [
    ...all.map(([word, words, next]) => fc.constant(new Step(name, word, words, next))),
    fc.constant(new Accident(name, "monitor")),
    fc.constant(new Accident(name, "program")),
  ];
};

test("commands in any order, and kill -9 between them, agree with the model and leave nothing", async () => {
  const commands = fc.commands(names.flatMap(steps), { maxCommands: 24, size: "max" });
  await fc.assert(
    fc.asyncProperty(
      commands,
      within(40_000, async (chosen) => {
        await withMachine(["busybox"], async (machine) => {
          const model: Model = new Map();
          await fc.asyncModelRun(() => ({ model, real: machine }), chosen);
          if (model.size > 0) ok(await machine.run(["rm", "-f", ...model.keys()]));
        });
      }),
    ),
    { numRuns: 12 },
  );
});
