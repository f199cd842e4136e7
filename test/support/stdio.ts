/** What descriptors 0-2 of a container are, whatever the caller's are, and however it is started: the probe writes it to a file. */

import { existsSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { binary } from "./cli.ts";
import { imageTar, type Machine } from "./containers.ts";
import { ok, status, until } from "./life.ts";
import { ptyIn } from "./pty.ts";

/** One of the three. */
export interface Descriptor {
  type: string;
  /** "DEVICE:INODE": no other file of the machine has the same. */
  inode: string;
  /** "MAJOR:MINOR" of a device. */
  device: string;
  uid: number;
  /** What /proc/self/fd says. */
  link: string;
  /** Whether /dev/stdin, /dev/stdout or /dev/stderr can be opened to read, to write, for both: "ok" or an errno. */
  open: string[];
}

export interface Answer {
  /** The inode of /dev/null inside. */
  null: string;
  descriptors: Descriptor[];
}

export const inodeOf = (path: string): string => {
  const { dev, ino } = statSync(path);
  return `${dev}:${ino}`;
};

/** How a test gives the caller's stdin, stdout and stderr, in sh: "<f >>g". */
type Redirections = string;

/** A way for a program into a container. */
export type Way = (machine: Machine, redirections: Redirections, options: string[]) => Promise<Answer>;

const question = ["/bin/probe", "stdio", "/out/answer"];

/** Runs the binary with the caller's descriptors as the redirections say. */
export const withStdio = (machine: Machine, redirections: Redirections, words: string[]) =>
  machine.exec(["sh", "-c", `exec "$@" ${redirections}`, "sh", binary(), ...words]);

/** Any user inside may write there. */
function outOf(machine: Machine): string[] {
  const out = machine.file("tmp/out/");
  Bun.spawnSync(["chmod", "777", out]);
  return ["--network", "none", "-v", `${out}:/out`];
}

async function answerIn(machine: Machine): Promise<Answer> {
  const path = join(machine.tmp, "out/answer");
  await until(() => existsSync(path), "the probe has answered");
  const answer = JSON.parse(readFileSync(path, "utf8")) as Answer;
  rmSync(path);
  return answer;
}

/** What a way leaves for the next time. */
export async function done(machine: Machine): Promise<void> {
  if ((await status(machine, "box")) !== "") await remove(machine);
  for (const name of ["out", "bin"]) rmSync(join(machine.tmp, name), { recursive: true, force: true });
}

/** One container for all that are executed in it: done() removes it. */
async function running(machine: Machine, options: string[]): Promise<void> {
  if ((await status(machine, "box")) !== "") return;
  ok(await machine.run(["run", "-d", "--name", "box", ...options, "probe", "/bin/probe", "sleep", "60"]));
}
const remove = async (machine: Machine): Promise<unknown> => ok(await machine.run(["rm", "-f", "box"]));

const run =
  (...how: string[]): Way =>
  async (machine, redirections, options) => {
    const words = ["run", ...how, ...outOf(machine), ...options, "probe", ...question];
    ok(await withStdio(machine, redirections, words));
    const answer = await answerIn(machine);
    if (how.includes("-d")) await remove(machine);
    return answer;
  };

const exec =
  (...how: string[]): Way =>
  async (machine, redirections, options) => {
    await running(machine, [...outOf(machine), ...options]);
    ok(await withStdio(machine, redirections, ["exec", ...how, "box", ...question]));
    return answerIn(machine);
  };

/** On a terminal of the caller's: there are no redirections. */
const onTerminal =
  (...words: string[]): Way =>
  async (machine, _, options) => {
    const isExec = words[0] === "exec";
    const where = [...outOf(machine), ...options];
    if (isExec) await running(machine, where);
    await using pty = ptyIn(machine, [...words, ...(isExec ? ["box"] : [...where, "probe"]), ...question]);
    const code = await pty.exit(10_000);
    if (code !== 0) throw new Error(`ended with ${code}: ${pty.output}`);
    return answerIn(machine);
  };

/** The caller's descriptors may be anything: the container has no terminal. */
export const ways: Record<string, Way> = {
  run: run("--rm"),
  "run -i=false": run("--rm", "-i=false"),
  "run --log-driver none": run("--rm", "--log-driver", "none"),
  "run --init": run("--rm", "--init"),
  "run -d": run("-d", "--name", "box"),
  "run -d -i": run("-d", "-i", "--name", "box"),
  "run -d --log-driver none": run("-d", "--log-driver", "none", "--name", "box"),
  exec: exec(),
  "exec -i=false": exec("-i=false"),
  "exec -d": exec("-d"),
  "a health check": async (machine, redirections, options) => {
    const check = ["--health-interval", "100ms", "--health-cmd", `[ -e /out/answer ] || ${question.join(" ")}`];
    // A shell, and the probe.
    ok(await machine.exec(["tar", "-xf", imageTar("probe"), "-C", machine.tmp, "bin/probe"]));
    const mounts = [...outOf(machine), "-v", `${machine.tmp}/bin/probe:/bin/probe:ro`];
    const words = ["run", "-d", "--name", "box", ...mounts, ...check, ...options];
    ok(await withStdio(machine, redirections, [...words, "busybox", "sleep", "60"]));
    const answer = await answerIn(machine);
    await remove(machine);
    return answer;
  },
};

/** The container has a terminal of its own. */
export const terminalWays: Record<string, Way> = {
  "run -t": onTerminal("run", "--rm", "-t"),
  "run -t --init": onTerminal("run", "--rm", "-t", "--init"),
  "run on a terminal": onTerminal("run", "--rm"),
  "run -d -t": run("-d", "-t", "--name", "box"),
  "exec -t": onTerminal("exec", "-t"),
  "exec -t without a terminal of the caller's": exec("-t"),
};
