/** Whatever is done to containers and networks in whatever order, and whoever is killed meanwhile: all agrees with a simple model. */

import { expect } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { listLeases } from "../../src/network/leases.ts";
import { type Machine, said, withMachine } from "../support/containers.ts";
import { withNetworks } from "../support/internet.ts";
import { monitorOf, ok, stateOf, status, until, within } from "../support/life.ts";
import { needing, root, tool } from "../support/needs.ts";

const test = needing(root, tool("nft"));

/** What the model knows of a container: whether it runs, without its monitor perhaps, and the networks that it is in. */
interface Life {
  life: "down" | "up" | "orphaned";
  networks: Set<string>;
}
type Model = Map<string, Life>;

const names = ["alpha", "beta"];
const options: Record<string, string[]> = { one: [], six: ["--ipv6"], closed: ["--internal"] };
const networks = Object.keys(options);
/** Each container publishes its own port. */
const portOf = (name: string): number => 8080 + names.indexOf(name);

const idOf = (machine: Machine, name: string): string => readFileSync(join(machine.root, "names", name), "utf8");

/** How many addresses of a network these containers have. */
const leasesIn = (machine: Machine, network: string, ids: string[]): number =>
  listLeases(join(machine.root, "networks", network, "leases")).filter(({ owner }) => ids.includes(owner)).length;

type Effect = (before: Life | undefined) => Life | "gone" | "refused";

/** One command about one container, and what it makes of it. */
class Step implements fc.AsyncCommand<Model, Machine> {
  constructor(
    readonly name: string,
    readonly words: string[],
    readonly effect: Effect,
    /** The command is killed after so long; what has become of it is found out by giving it again. */
    readonly killedAfterMs?: number,
  ) {}
  check = () => true;
  async run(model: Model, machine: Machine): Promise<void> {
    if (this.killedAfterMs !== undefined) {
      const child = machine.spawn(this.words);
      await Bun.sleep(this.killedAfterMs);
      child.kill("SIGKILL");
      await child.exited;
      return await this.findOut(model, machine);
    }
    const next = this.effect(model.get(this.name));
    const result = await machine.run(this.words);
    expect([this.toString(), result.code === 0, said(result)]).toEqual([
      this.toString(),
      next !== "refused",
      said(result),
    ]);
    expect(said(result)).not.toContain("internal error");
    if (next === "gone") model.delete(this.name);
    else if (next !== "refused") model.set(this.name, next);
    await compare(model, machine);
  }
  /** Either it was done or it was not, and the model learns which. */
  private async findOut(model: Model, machine: Machine): Promise<void> {
    const before = model.get(this.name);
    const after = this.effect(before);
    const may = [before, after === "gone" ? undefined : after === "refused" ? before : after];
    // `run` makes a container before it starts it.
    if (this.words[0] === "run" && after !== "refused" && after !== "gone") may.push({ ...after, life: "down" });
    // What was begun goes on for a moment, in the container's monitor.
    const fits = async (): Promise<boolean> => {
      const now = await lookAt(machine, this.name);
      const found = may.find((one) => show(one) === show(now));
      if (!found && now !== undefined) return false;
      if (now) model.set(this.name, now);
      else model.delete(this.name);
      return may.some((one) => show(one) === show(now)) && (await agrees(model, machine)) === "";
    };
    await until(fits, `after ${this} there is ${may.map(show).join(" or ")}`).catch(async (error: Error) => {
      throw new Error(
        `${error.message}, but ${show(await lookAt(machine, this.name))}; ${await agrees(model, machine)}`,
      );
    });
  }
  toString = () =>
    `${this.words.join(" ")}${this.killedAfterMs === undefined ? "" : ` (killed after ${this.killedAfterMs} ms)`}`;
}

/** Somebody kills a container's monitor, or its program. */
class Accident implements fc.AsyncCommand<Model, Machine> {
  constructor(
    readonly name: string,
    readonly victim: "monitor" | "program",
  ) {}
  check = (model: Readonly<Model>) => {
    const life = model.get(this.name)?.life;
    return life === "up" || (life === "orphaned" && this.victim === "program");
  };
  async run(model: Model, machine: Machine): Promise<void> {
    const id = idOf(machine, this.name);
    process.kill(this.victim === "monitor" ? monitorOf(machine, id) : stateOf(machine, id).process.pid, "SIGKILL");
    model.set(this.name, { ...model.get(this.name)!, life: this.victim === "monitor" ? "orphaned" : "down" });
    await compare(model, machine);
  }
  toString = () => `kill -9 the ${this.victim} of ${this.name}`;
}

/** All rules and bridges go, and `network reload` brings back what is needed. */
class Flush implements fc.AsyncCommand<Model, Machine> {
  check = () => true;
  async run(model: Model, machine: Machine): Promise<void> {
    await machine.exec(["nft", "flush", "ruleset"]);
    ok(await machine.run(["network", "reload"]));
    await compare(model, machine);
  }
  toString = () => "flush";
}

const show = (one: Life | undefined): string => (one ? `${one.life} in ${[...one.networks].sort()}` : "gone");

/** A container as commands show it. */
async function lookAt(machine: Machine, name: string): Promise<Life | undefined> {
  const line = await status(machine, name);
  if (line === "") return undefined;
  const { stdout } = await machine.run(["inspect", "-f", "{{json .NetworkSettings.Networks}}", name]);
  if (stdout === "") return undefined;
  const life = /no monitor/.test(line) ? "orphaned" : /Up/.test(line) ? "up" : "down";
  return { life, networks: new Set(Object.keys(JSON.parse(stdout))) };
}

/** What does not agree with the model, in words; empty if all does. */
async function agrees(model: Model, machine: Machine): Promise<string> {
  for (const name of names) {
    const [is, should] = [show(await lookAt(machine, name)), show(model.get(name))];
    if (is !== should) return `${name} is ${is}, not ${should}`;
  }
  const up = [...model].filter(([, { life }]) => life !== "down");
  let veths = 0;
  for (const network of networks) {
    const inside = up.filter(([, one]) => one.networks.has(network)).length;
    veths += inside;
    const count = (place: string) => readdirSync(join(machine.root, "networks", network, place)).length;
    // The address of one that is down, whose start was killed early, waits for whoever wants it.
    const had = leasesIn(
      machine,
      network,
      up.map(([name]) => idOf(machine, name)),
    );
    const leases = inside * (network === "six" ? 2 : 1);
    if (had !== leases) return `${network} has ${had} leases, not ${leases}`;
    if (count("names") !== inside) return `${network} has ${count("names")} names, not ${inside}`;
  }
  const { links, firewall } = machine.snapshot();
  const seen = links.filter((link) => link.startsWith("veth")).length;
  if (seen !== veths) return `there are ${seen} devices, not ${veths}`;
  for (const name of names) {
    const one = model.get(name);
    const leadsOut = one !== undefined && one.life !== "down" && (one.networks.has("one") || one.networks.has("six"));
    const published = firewall.some((line) => line.includes(`tcp . ${portOf(name)} `));
    if (published !== leadsOut) return `the port of ${name} is ${published ? "" : "not "}published`;
  }
  const notes = readdirSync(join(machine.root, "running")).filter((file) => file.includes("."));
  return notes.length > 0 ? `there are notes: ${notes}` : "";
}

const compare = (model: Model, machine: Machine): Promise<void> => {
  let why = "";
  const claim = async () => {
    why = await agrees(model, machine);
    return why === "";
  };
  return until(claim, "all agrees").catch((error: Error) => {
    throw new Error(`${error.message}: ${why}`);
  });
};

const changed = (one: Life, change: Partial<Life>): Life => ({ ...one, ...change });
const without = (set: Set<string>, network: string): Set<string> => new Set([...set].filter((one) => one !== network));

function stepsOf(name: string): fc.Arbitrary<fc.AsyncCommand<Model, Machine>>[] {
  const make = (network: string) => [
    "--name",
    name,
    "--network",
    network,
    "-p",
    `${portOf(name)}:80`,
    "busybox",
    "sleep",
    "1000",
  ];
  const commands: [words: string[], effect: Effect][] = [
    ...networks.flatMap((network): [string[], Effect][] => [
      [["create", ...make(network)], (one) => (one ? "refused" : { life: "down", networks: new Set([network]) })],
      [["run", "-d", ...make(network)], (one) => (one ? "refused" : { life: "up", networks: new Set([network]) })],
      [
        ["network", "connect", network, name],
        (one) =>
          !one || one.networks.has(network) || one.life === "orphaned"
            ? "refused"
            : changed(one, { networks: new Set([...one.networks, network]) }),
      ],
      [
        ["network", "disconnect", network, name],
        (one) =>
          !one?.networks.has(network) || one.life === "orphaned"
            ? "refused"
            : changed(one, { networks: without(one.networks, network) }),
      ],
    ]),
    [["start", name], (one) => (!one ? "refused" : one.life === "down" ? changed(one, { life: "up" }) : one)],
    [["stop", "-t", "0", name], (one) => (!one ? "refused" : changed(one, { life: "down" }))],
    [["restart", "-t", "0", name], (one) => (!one ? "refused" : changed(one, { life: "up" }))],
    [["kill", name], (one) => (!one || one.life === "down" ? "refused" : changed(one, { life: "down" }))],
    [["rm", name], (one) => (one?.life === "down" ? "gone" : "refused")],
    [["rm", "-f", name], () => "gone"],
  ];
  const killable = commands.filter(([words]) => /^(run|start|network)$/.test(words[0]!));
  return [
    ...commands.map(([words, effect]) => fc.constant(new Step(name, words, effect))),
    ...killable.map(([words, effect]) =>
      fc.integer({ min: 2, max: 24 }).map((ms) => new Step(name, words, effect, ms)),
    ),
    fc.constant(new Accident(name, "monitor")),
    fc.constant(new Accident(name, "program")),
  ];
}

test("commands in any order, killed half way or not, agree with the model and leave nothing", async () => {
  const steps = fc.oneof(...names.flatMap(stepsOf), fc.constant(new Flush()));
  const commands = fc.commands([steps], { maxCommands: 30, size: "max" });
  const limitMs = Number(process.env.LIMIT_MS ?? 30_000);
  await fc.assert(
    fc.asyncProperty(
      commands,
      within(limitMs, async (chosen) => {
        await withMachine(["busybox"], async (machine) => {
          await withNetworks(machine, options, async () => {
            const model: Model = new Map();
            await fc.asyncModelRun(() => ({ model, real: machine }), chosen);
            if (model.size > 0) ok(await machine.run(["rm", "-f", ...model.keys()]));
          });
          // After a flush the default network comes back with the next container in it.
          ok(await machine.run(["run", "--rm", "busybox", "true"]));
        });
      }),
    ),
    {
      numRuns: Number(process.env.RUNS ?? 12),
      endOnFailure: process.env.RUNS !== undefined,
    },
  );
}, 3_600_000);
