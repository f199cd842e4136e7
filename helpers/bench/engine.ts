/** What the engine costs with many containers: starting them, listing them, entering one, the memory of their monitors. */

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { run, text } from "../process.ts";
import { type Command, measure } from "./measure.ts";
import type { Podman } from "./podman.ts";

/** A name, a figure with its unit; podman's, and how many times that it is. */
export type Line = [what: string, figure: string, podman?: string, ratio?: string];

const containers = 100;
const stopped = 1000;
const idle = 50;
const streamBytes = 1000 << 20;

/**
 * @param binary of tinydocker. @param root a state root with busybox in it; no container is left in it.
 * @param empty another one, in which no container is kept. @param podman to compare with, side by side.
 */
export async function benchEngine(
  binary: string,
  root: string,
  empty: string,
  runs: number,
  podman: Podman | undefined,
): Promise<Line[]> {
  try {
    return await measureEngine(binary, root, empty, runs, podman);
  } finally {
    const left = text(binary, ["--root", root, "ps", "-aq"]).split("\n").filter(Boolean);
    if (left.length > 0) spawnSync(binary, ["--root", root, "rm", "-f", ...left], { stdio: "ignore" });
  }
}

async function measureEngine(
  binary: string,
  root: string,
  empty: string,
  runs: number,
  podman: Podman | undefined,
): Promise<Line[]> {
  const words = (...args: string[]) => [binary, "--root", root, ...args];
  // No network on either side: what that costs is another question.
  const own = (...args: string[]) => words("run", "--network", "none", ...args);
  const quiet = { stdio: ["ignore", "ignore", "ignore"] as ["ignore", "ignore", "ignore"] };
  const lines: Line[] = [];
  const names = Array.from({ length: containers }, (_, index) => `bench${index}`);
  const started = performance.now();
  await Promise.all(
    names.map((name) => {
      const [program, ...args] = own("-d", "--name", name, "busybox", "sleep", "1000");
      return once(spawn(program!, args, quiet), "exit");
    }),
  );
  const each = (performance.now() - started) / containers;
  lines.push([`${containers} concurrent \`run -d\`, each`, `${each.toFixed(1)} ms`]);
  podman && silently(podman.words("run", "-d", "--name", "bench", "--network", "none", "busybox", "sleep", "1000"));
  const entering = { argv: words("exec", names[0]!, "/bin/true") };
  lines.push(["`exec`, median", ...beside(runs, entering, podman?.command("exec", "bench", "/bin/true"))]);
  run(binary, words("rm", "-f", ...names.slice(idle)).slice(1), quiet);
  await Bun.sleep(2000);
  lines.push([`memory of a monitor, of ${idle} idle ones (PSS)`, `${(await monitorMemory(root)).toFixed(1)} MB`]);
  run(binary, words("rm", "-f", ...names.slice(0, idle)).slice(1), quiet);

  const running = { argv: own("--rm", "busybox", "/bin/true") };
  const itsRunning = podman?.command("run", "--rm", "--network", "none", "busybox", "/bin/true");
  lines.push(["`run --rm` of `/bin/true`, median", ...beside(runs, running, itsRunning)]);
  for (let index = 0; index < stopped; index++) run(binary, words("create", "busybox", "true").slice(1), quiet);
  const alone = { argv: [binary, "--root", empty, ...running.argv.slice(3)] };
  const [list, more, fresh] = measure([{ argv: words("ps", "-a") }, running, alone], runs);
  lines.push([`\`ps -a\` with ${stopped} containers, median`, `${list!.medianMs.toFixed(1)} ms`]);
  lines.push([
    `\`run --rm\` beside ${stopped} stopped ones, of one beside none`,
    `${(more!.medianMs / fresh!.medianMs).toFixed(2)}`,
  ]);

  const stream = ["sh", "-c", `dd if=/dev/zero bs=1M count=${streamBytes >> 20} 2>/dev/null`];
  // Where its log is a file, as ours is; by default it may be the journal.
  const its = ["--network", "none", "--log-driver", "k8s-file", "--name", "log", "busybox", ...stream];
  lines.push([
    "1 GB through `run` without a terminal",
    ...throughputs(own("--rm", "busybox", ...stream), podman?.words("run", ...its)),
  ]);
  silently(own("--log-opt", "max-size=2g", "--name", "log", "busybox", ...stream));
  lines.push(["1 GB through `logs`", ...throughputs(words("logs", "log"), podman?.words("logs", "log"))]);
  return lines;
}

function silently([program, ...args]: string[]): void {
  run(program!, args, { stdio: "ignore" });
}

type Figures = [figure: string, podman?: string, ratio?: string];

/** Medians of two commands that take turns, and which part of the other's time ours takes. */
function beside(runs: number, ours: Command, other: Command | undefined): Figures {
  const [own, its] = measure(other ? [ours, other] : [ours], runs).map(({ medianMs }) => medianMs);
  const figure = `${own!.toFixed(1)} ms`;
  return its === undefined ? [figure] : [figure, `${its.toFixed(1)} ms`, `1/${(its / own!).toFixed(1)}`];
}

function throughputs(ours: string[], other: string[] | undefined): Figures {
  const own = megabytesPerSecond(ours);
  if (!other) return [`${own.toFixed(0)} MB/s`];
  const its = megabytesPerSecond(other);
  return [`${own.toFixed(0)} MB/s`, `${its.toFixed(0)} MB/s`, `${(own / its).toFixed(1)} times`];
}

function megabytesPerSecond(argv: string[]): number {
  const began = performance.now();
  const sh = argv.map((word) => `'${word}'`).join(" ");
  run("/bin/sh", ["-c", `${sh} 2>/dev/null | cat >/dev/null`]);
  return streamBytes / 1e6 / ((performance.now() - began) / 1000);
}

/** The mean share of memory (PSS) of the monitors of one state root. */
async function monitorMemory(root: string): Promise<number> {
  const own = text("readlink", ["-f", root]);
  const figures = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const directory = join("/proc", pid);
        const command = readFileSync(join(directory, "cmdline"), "utf8");
        const environment = readFileSync(join(directory, "environ"), "utf8");
        if (!command.startsWith("tinydocker\0monitor\0") || !environment.includes(`TINYDOCKER_ROOT=${own}`)) return [];
        readlinkSync(join(directory, "exe"));
        return [Number(/^Pss:\s+(\d+)/m.exec(readFileSync(join(directory, "smaps_rollup"), "utf8"))?.[1]) / 1024];
      } catch {
        return []; // it ended
      }
    });
  return figures.reduce((sum, figure) => sum + figure, 0) / figures.length;
}
