/**
 * `npm run bench`: how fast tinydocker is beside crun, runc, podman and GNU tar, on this machine, as tables in Markdown.
 * `helpers/setup bench` installs podman; without it those lines are missing.
 *
 *   npm run bench -- [--runs 40] [--loads 5] [--megabytes 350] [--containers 200] \
 *     [--binary PATH]... [start | cpu | oci | load | engine | network]
 *
 * `cpu` and `oci` measure all the binaries that are named side by side (without one, that of dist); the others take the first.
 */

import { mkdtempSync, rmSync, statSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { ociBundle } from "./bench/bundle.ts";
import { benchCpu } from "./bench/cpu.ts";
import { emptyProgram } from "./bench/empty.ts";
import { benchEngine } from "./bench/engine.ts";
import { type Command, type Measurement, measure, summary } from "./bench/measure.ts";
import { withoutUnified } from "./bench/namespace.ts";
import { benchOci } from "./bench/oci.ts";
import { podmanWith } from "./bench/podman.ts";
import { buildImage } from "./images.ts";
import { run, text } from "./process.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    binary: { type: "string", multiple: true },
    runs: { type: "string" },
    loads: { type: "string", default: "5" },
    megabytes: { type: "string", default: "350" },
    containers: { type: "string", default: "200" },
  },
});
const binaries = (values.binary ?? [join(import.meta.dir, "../dist/tinydocker")]).map((path) => resolve(path));
const [binary = ""] = binaries;
// On disk on every machine, as the state root is; /tmp may be memory.
const directory = mkdtempSync("/var/tmp/tinydocker-bench-");

type Row = [name: string, result: Measurement];

/** A table with how many times the first row's median each other one took. */
function table(title: string, rows: Row[]): void {
  const [first] = rows;
  if (first === undefined) return;
  console.log(`\n| ${title} | median ms | p90 ms | of the first | peak RSS MB |\n|---|---:|---:|---:|---:|`);
  for (const [name, { medianMs, p90Ms, maxRssMB }] of rows) {
    const ratio = (medianMs / first[1].medianMs).toFixed(2);
    console.log(`| ${name} | ${medianMs.toFixed(1)} | ${p90Ms.toFixed(1)} | ${ratio} | ${maxRssMB.toFixed(0)} |`);
  }
}

/** `/bin/true` in a container of the same root file system, the image already loaded, without a network. */
async function benchStart(runs: number): Promise<void> {
  const tar = await buildImage("busybox", join(directory, "busybox.tar"));
  const root = join(directory, "start");
  run(binary, ["--root", root, "load", "-i", tar], { stdio: ["ignore", "ignore", "inherit"] });
  const bundle = ociBundle(join(directory, "oci"), tar, "true", ["/bin/true"]);
  const namespace = await withoutUnified();
  const oci = (runtime: string): Command => ({
    argv: [text("which", [runtime]), "run", "--bundle", bundle, `bench-${process.pid}-${runtime}`],
    mountNamespaceOf: namespace?.pid,
  });
  const commands: Record<string, Command> = {
    "tinydocker run --rm --network none": {
      argv: [binary, "--root", root, "run", "--rm", "--network", "none", "busybox", "/bin/true"],
    },
    [version("crun")]: oci("crun"),
    [version("runc")]: oci("runc"),
    "an empty program compiled by bun, for comparison": { argv: [await emptyProgram(directory)] },
  };
  try {
    measure(Object.values(commands), 3); // the page cache, and the CPU's mind
    const results = measure(Object.values(commands), runs);
    table(
      `start /bin/true, ${runs} runs`,
      Object.keys(commands).map((name, index): Row => [name, results[index] as Measurement]),
    );
  } finally {
    namespace?.kill("SIGKILL");
  }
}

/** Many containers, listed, entered and read. */
async function benchManyContainers(runs: number): Promise<void> {
  const tar = await buildImage("busybox", join(directory, "busybox.tar"));
  const [root, empty] = [join(directory, "engine"), join(directory, "empty-engine")];
  for (const each of [root, empty]) run(binary, ["--root", each, "load", "-q", "-i", tar], { stdio: "ignore" });
  const podman = await podmanWith(directory, tar);
  try {
    const lines = await benchEngine(binary, root, empty, runs, podman);
    console.log(`\n| many containers | tinydocker | ${podman?.version ?? "podman (not installed)"} | ratio |`);
    console.log("|---|---:|---:|---:|");
    for (const [what, ...figures] of lines) console.log(`| ${[what, ...figures, "", ""].slice(0, 4).join(" | ")} |`);
  } finally {
    podman?.close();
  }
}

/** In namespaces of its own: the machine's network stays as it is. */
async function benchNetwork(runs: number): Promise<void> {
  const tar = await buildImage("busybox", join(directory, "busybox.tar"));
  const script = join(import.meta.dir, "bench/network.ts");
  run("unshare", [
    "--mount",
    "--net",
    "--propagation",
    "private",
    process.execPath,
    script,
    binary,
    directory,
    tar,
    String(runs),
  ]);
}

/** Loading a root file system of real files, beside what GNU tar takes to unpack it and sha256sum to know it. */
function benchLoad(loads: number, megabytes: number): void {
  const { tar, entries } = bigTar(megabytes);
  const gzip = `${tar}.gz`;
  run("gzip", ["-6", "-k", "-f", tar]);
  const plain = (statSync(tar).size / 1e6).toFixed(0);
  const packed = (statSync(gzip).size / 1e6).toFixed(0);
  compareLoads(`load a plain rootfs tar of ${plain} MB, ${entries} entries, ${loads} runs`, loads, {
    "tinydocker load": (fresh) => [binary, "--root", fresh, "load", "-i", tar],
    "GNU tar, then sha256sum": (fresh) => ["/bin/sh", "-c", `tar -xf ${tar} -C ${fresh} && sha256sum ${tar}`],
    "GNU tar alone": (fresh) => ["/bin/tar", "-xf", tar, "-C", fresh],
  });
  compareLoads(`the same as gzip of ${packed} MB, ${loads} runs`, loads, {
    "tinydocker load": (fresh) => [binary, "--root", fresh, "load", "-i", gzip],
    "tar -xzf": (fresh) => ["/bin/tar", "-xzf", gzip, "-C", fresh],
  });
}

/**
 * Runs commands that fill a fresh directory, in turns. Nothing is removed before the end: ext4 does not give out the inodes of
 * files deleted in the last minutes, and its search for others makes whatever comes next many times slower.
 */
function compareLoads(title: string, loads: number, commands: Record<string, (fresh: string) => string[]>): void {
  const names = Object.keys(commands);
  const samples = names.map(() => ({ ms: [] as number[], rssMB: 0 }));
  for (let load = 0; load < loads; load++) {
    for (const [index, name] of names.entries()) {
      const fresh = mkdtempSync(join(directory, "load-"));
      run("sync", []); // what others wrote is not ours to wait for
      const [result] = measure([{ argv: (commands[name] as (fresh: string) => string[])(fresh) }], 1);
      const sample = samples[index] as (typeof samples)[number];
      sample.ms.push(result?.medianMs ?? 0);
      sample.rssMB = Math.max(sample.rssMB, result?.maxRssMB ?? 0);
    }
  }
  table(
    title,
    samples.map(({ ms, rssMB }, index): Row => [names[index] as string, summary(ms, rssMB * 1024)]),
  );
}

/** A tar of this machine's own /usr, up to a size. */
function bigTar(megabytes: number): { tar: string; entries: number } {
  const list = text("find", [
    "/usr",
    "-xdev",
    "-path",
    "/usr/lib/modules",
    "-prune",
    "-o",
    "-printf",
    "%s\t%P\n",
  ]).split("\n");
  const chosen: string[] = [];
  let bytes = 0;
  for (const line of list) {
    const [size = "0", path] = line.split("\t");
    if (!path || Number(size) > 30e6) continue;
    chosen.push(path);
    bytes += Number(size);
    if (bytes > megabytes * 1e6) break;
  }
  const tar = join(directory, "big.tar");
  run("tar", ["-cf", tar, "-C", "/usr", "--no-recursion", "-T", "-"], {
    input: chosen.join("\n"),
    stdio: ["pipe", "inherit", "inherit"],
  });
  return { tar, entries: chosen.length };
}

const version = (program: string): string =>
  text(program, ["--version"]).split("\n")[0]?.replace("version ", "") ?? program;

// The terminal sends Ctrl-C to all of us: what we wait for ends, that is an Error here, and what we made goes.
process.on("SIGINT", () => {});
try {
  const model = cpus()[0]?.model.trim();
  console.log(
    `${cpus().length} cores (${model}), ${(totalmem() / 2 ** 30).toFixed(0)} GiB, Linux ${release()}, Bun ${Bun.version}`,
  );
  const wanted = (name: string) => positionals.length === 0 || positionals.includes(name);
  const runs = Number(values.runs ?? 40);
  if (wanted("start")) await benchStart(runs);
  if (wanted("cpu")) {
    const tar = await buildImage("busybox", join(directory, "busybox.tar"));
    await benchCpu(directory, tar, binaries, Number(values.runs ?? 33), Number(values.containers));
  }
  if (wanted("oci")) {
    const tar = await buildImage("busybox", join(directory, "busybox.tar"));
    await benchOci(directory, tar, binaries, Number(values.runs ?? 33));
  }
  if (wanted("engine")) await benchManyContainers(runs);
  if (wanted("network")) await benchNetwork(runs);
  if (wanted("load")) benchLoad(Number(values.loads), Number(values.megabytes));
} finally {
  rmSync(directory, { recursive: true, force: true });
}
