/** What a container that may trace every process sees of those that `exec` brings in: nothing of ours, and nothing of the host (R4). */

import { expect } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { compiled } from "../support/compile.ts";
import { type Machine, withMachine } from "../support/containers.ts";
import { ok, until } from "../support/life.ts";
import { needing, root, tool } from "../support/needs.ts";

const test = needing(root, tool("gcc"));

/** A process as the tracer saw it when it came. */
interface Sight {
  exe: string;
  /** By number: what they lead to. */
  fds: Record<string, string>;
  maps: { bytes: number; filled: number; mode: string; name: string }[];
  found: string[];
  /** Whether /proc/PID/root and /proc/PID/cwd lead to the container's root. */
  root: string;
  cwd: string;
}

/** The sights of a log of tracer.c. */
function sightsOf(log: string): Sight[] {
  const sights = new Map<string, Sight>();
  for (const [, pid = "", what = "", rest = ""] of log.matchAll(/^(\d+) (\w+) ?(.*)$/gm)) {
    const sight = sights.getOrInsertComputed(pid, () => ({ exe: "", fds: {}, maps: [], found: [], root: "", cwd: "" }));
    if (what === "exe" || what === "root" || what === "cwd") sight[what] = rest;
    if (what === "found") sight.found.push(rest);
    if (what === "fd") {
      const [number = "", ...link] = rest.split(" ");
      sight.fds[number] = link.join(" ");
    }
    if (what === "map") {
      const [bytes, filled, mode = "", ...name] = rest.split(" ");
      sight.maps.push({ bytes: Number(bytes), filled: Number(filled), mode, name: name.join(" ") });
    }
  }
  return [...sights.values()];
}

const secret = "5ecret-of-the-ca11er";

/** A container in which the tracer runs. */
async function traced(machine: Machine, options: string[]): Promise<void> {
  // What the engine knows and the container does not: its environment, its command line, where its files are.
  const markers = [secret, "nobody-needs-this-inside", machine.root, "TINYDOCKER_ROOT"];
  const mount = ["-v", `${compiled("tracer.c")}:/bin/tracer:ro`];
  const words = ["run", "-d", "--name", "box", "--network", "none", ...options, ...mount, "busybox", "/bin/tracer"];
  ok(await machine.run([...words, ...markers]));
  await until(async () => (await logs(machine)).includes("ready"), "the tracer looks");
}
const logs = async (machine: Machine): Promise<string> => ok(await machine.run(["logs", "box"]));

/** Its program is not yet the container's. */
const onItsWay = ({ exe }: Sight): boolean => !exe.startsWith("/bin/");

/** Executes until processes on their way have been seen: at least 20 times. */
async function sightsOfExec(machine: Machine, execOptions: string[]): Promise<Sight[]> {
  const env = { SECRET: secret };
  const words = ["exec", ...execOptions, "--env-file", join(machine.tmp, "nobody-needs-this-inside"), "box", "true"];
  machine.file("tmp/nobody-needs-this-inside", "A=1\n");
  let sights: Sight[] = [];
  for (let turn = 0; turn < 5 && sights.filter(onItsWay).length < 5; turn++) {
    for (let times = 0; times < 20; times++) ok(await machine.run(words, { env }));
    sights = sightsOf(await logs(machine));
  }
  rmSync(join(machine.tmp, "nobody-needs-this-inside"));
  return sights;
}

/** Fails if one who is on its way has more than it needs. */
function expectBare(sight: Sight): void {
  expect(sight.found).toEqual([]);
  // By /proc/PID/root the container would have the host's files.
  expect([sight.root, sight.cwd]).toEqual(["own", "own"]);
  // The records, the interpreter, the emptied page of rseq; x86 shows a page of the kernel's to everybody.
  const maps = sight.maps.filter(({ name }) => name !== "[vsyscall]");
  expect(maps.length).toBeLessThanOrEqual(3);
  for (const { bytes, filled, mode, name } of maps) {
    expect(bytes).toBeLessThanOrEqual(256 * 1024);
    expect(["r-xp", "rw-s", "rw-p"]).toContain(mode);
    if (mode === "rw-s") expect(name).toBe("/dev/zero (deleted)");
    else expect(name).toBe("");
    // struct rseq, where the kernel writes whenever it interrupts.
    if (mode === "rw-p") expect(filled).toBeLessThanOrEqual(32);
    if (mode === "r-xp") expect(filled).toBeLessThan(512);
  }
  expect(sight.exe).toMatch(/^\/memfd:tinydocker \(deleted\)$/);
  const ours =
    /^(pipe:\[\d+\]|socket:\[\d+\]|anon_inode:\[pidfd\]|pidfd:\[\d+\]|\/memfd:tinydocker \(deleted\)|\/dev\/null|\/)$/;
  for (const link of Object.values(sight.fds)) expect(link).toMatch(ours);
}

for (const [title, options, execOptions] of [
  ["exec", ["--cap-add", "SYS_PTRACE"], []],
  ["exec of a privileged process", ["--privileged"], ["--privileged"]],
  ["exec of another user", ["--cap-add", "SYS_PTRACE"], ["-u", "1000:1000"]],
] as const)
  test(`a container that stops each process of ${title} finds only its records (R14)`, async () => {
    await withMachine(["busybox"], async (machine) => {
      await traced(machine, [...options]);
      const sights = await sightsOfExec(machine, [...execOptions]);
      const early = sights.filter(onItsWay);
      for (const sight of early) expectBare(sight);
      // Otherwise the test has shown nothing.
      expect(early.length).toBeGreaterThan(0);
      for (const { found } of sights) expect(found).toEqual([]);
      ok(await machine.run(["rm", "-f", "box"]));
    });
  });

test("of all other commands only a health check brings a process in, and that one finds only its records (R14)", async () => {
  await withMachine(["busybox"], async (machine) => {
    await traced(machine, ["--privileged", "--health-cmd", "/bin/true", "--health-interval", "1s"]);
    const file = machine.file("tmp/file", "content\n");
    const attached = machine.spawn(["attach", "box"]);
    for (let turn = 0; turn < 5; turn++) {
      ok(await machine.run(["cp", file, "box:/file"]));
      ok(await machine.run(["cp", "box:/file", `${file}.2`]));
      ok(await machine.run(["top", "box"]));
      ok(await machine.run(["stats", "--no-stream", "box"]));
      ok(await machine.run(["diff", "box"]));
      ok(await machine.run(["commit", "-q", "box", "made"]));
      ok(await machine.run(["export", "-o", `${file}.3`, "box"]));
      ok(await machine.run(["inspect", "-s", "box"]));
      ok(await machine.run(["healthcheck", "run", "box"]));
    }
    const sights = sightsOf(await logs(machine));
    for (const sight of sights.filter(onItsWay)) expectBare(sight);
    for (const { found } of sights) expect(found).toEqual([]);
    expect([...new Set(sights.map(({ exe }) => exe))].filter((exe) => !/^\/bin\/|^\/memfd:/.test(exe))).toEqual([]);
    ok(await machine.run(["rm", "-f", "box"]));
    await attached.exited;
    ok(await machine.run(["rmi", "made"]));
    ok(await machine.run(["image", "prune", "-f"]));
    for (const name of [file, `${file}.2`, `${file}.3`]) rmSync(name);
  });
}, 240_000);
