/**
 * `npm run profile`: where the time, the page faults and the system calls of one command go, as tables in Markdown.
 *
 *   npm run profile -- [--runs 10] [--binary PATH] [-- COMMAND [ARG...]]
 *
 * The command is one of tinydocker's, in a state root with the image busybox; by default `run --rm --network none busybox true`.
 * For `exec` there is a container called kept. perf and strace are used where they are; what is missing is said.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { tinydocker } from "./bench/contenders.ts";
import { type Samples, sample } from "./bench/measure.ts";
import { median } from "./bench/ratios.ts";
import { buildImage } from "./images.ts";
import { has } from "./process.ts";
import { countSamples, howToSample, periodUs } from "./profile/cpu.ts";
import { type Counts, countFaults, howToRecordFaults, programOf } from "./profile/faults.ts";
import { bytesRead, fileOf, generalized } from "./profile/files.ts";
import { columnOf, type Life, legend } from "./profile/life.ts";
import { add, type Matrix, print, total } from "./profile/matrix.ts";
import { type Recording, record } from "./profile/perf.ts";
import { trace } from "./profile/strace.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    binary: { type: "string", default: join(import.meta.dir, "../dist/tinydocker") },
    runs: { type: "string", default: "10" },
  },
});
const runs = Number(values.runs);
const words = positionals.length > 0 ? positionals : ["run", "--rm", "--network", "none", "busybox", "true"];
const directory = mkdtempSync("/var/tmp/tinydocker-profile-");

/** What it costs when nobody looks on. @returns its CPU time in ms. */
function printUndisturbed(argv: string[]): number {
  sample([{ argv }], 2, { everything: true });
  const [own] = sample([{ argv }], runs, { everything: true }) as [Samples];
  const of = (figure: "wallMs" | "cpuMs" | "minorFaults", digits: number) =>
    `${median(own[figure]).toFixed(digits)} (least ${Math.min(...own[figure]).toFixed(digits)})`;
  console.log(`\n\`${words.join(" ")}\`, median of ${runs} runs without a profiler:`);
  console.log(`wall ${of("wallMs", 1)} ms, CPU ${of("cpuMs", 1)} ms, minor page faults ${of("minorFaults", 0)}`);
  console.log(`\n${legend}`);
  return median(own.cpuMs);
}

/** How long each part of the course takes, and what the processor does in it, in proportion to what it takes without perf. */
function printCpu(argv: string[], binary: string, cpuMs: number): void {
  const recordings = Array.from({ length: runs }, () => record(argv, howToSample, directory));
  printParts(recordings);
  const causes: Matrix = new Map();
  for (const recording of recordings) countSamples(causes, recording, binary);
  const samples = [...causes.values()].reduce((sum, cells) => sum + total(cells), 0);
  const sampledMs = (samples * periodUs) / 1000 / runs;
  const title = `CPU ms by ${samples} samples of ${runs} runs, ${sampledMs.toFixed(1)} ms each under perf, scaled to ${cpuMs.toFixed(1)}`;
  print(causes, { title, scale: cpuMs / samples, digits: 2, mostRows: 40 });
}

function printParts(recordings: Recording[]): void {
  const ms = (from: (life: Life, began: number, ended: number) => number) =>
    median(
      recordings.map(({ life, events }) => {
        const own = events.filter(({ pid, tid }) => pid === life.root && tid === life.root);
        return from(life, own[0]?.time ?? 0, own.findLast(({ kind }) => kind === "exit")?.time ?? 0) * 1000;
      }),
    );
  const parts: [string, number][] = [
    ["the program, until it clones init", ms((life, began, ended) => Math.min(life.clonedAt, ended) - began)],
    ["init, until it executes the command", ms((life) => life.execAt - life.clonedAt)],
    ["the command", ms((life) => life.endedAt - life.execAt)],
    ["the program, after init's end", ms((life, _, ended) => ended - life.endedAt)],
  ];
  console.log("\n| part of the course | wall ms under perf, median |\n|---|---:|");
  for (const [name, value] of parts) if (Number.isFinite(value)) console.log(`| ${name} | ${value.toFixed(2)} |`);
}

async function printFaults(argv: string[], binary: string): Promise<void> {
  const program = await programOf(binary);
  const counts: Counts = { regions: new Map(), kinds: new Map(), chunks: new Map() };
  for (let run = 0; run < runs; run++) countFaults(counts, record(argv, howToRecordFaults, directory), program);
  const shown = { scale: 1 / runs, digits: 1, mostRows: 40 };
  print(counts.regions, { ...shown, title: `page faults by memory, mean of ${runs} runs` });
  print(counts.kinds, { ...shown, title: "the program's page faults are in" });
  if (program.chunks.length === 0)
    console.log("\nWhich chunks are touched is unknown: this Bun lays them out in another way.");
  const sizes = new Map(program.chunks.map(({ name, bytes }) => [name, bytes]));
  const title = "page faults in chunks (one brings in up to 64 KB around it)";
  print(counts.chunks, { ...shown, title, last: ["bytes", (name) => String(sizes.get(name) ?? "")] });
}

/** One run is enough: calls do not differ from run to run by more than a few. */
function printCalls(argv: string[], binary: string, root: string): void {
  const { life, calls } = trace(argv, directory);
  const [names, files]: [Matrix, Matrix] = [new Map(), new Map()];
  const read = new Map<string, number>();
  for (const call of calls) {
    const column = columnOf(life, call.pid, call.tid, call.time);
    add(names, `\`${call.name}\``, column);
    const path = fileOf(call);
    if (path === undefined) continue;
    const file = generalized(path, [
      [binary, "the binary"],
      [root, "ROOT"],
    ]);
    add(files, file, column);
    read.set(file, (read.get(file) ?? 0) + bytesRead(call));
  }
  print(names, { title: "system calls, one run under strace", scale: 1, digits: 0, mostRows: 40 });
  const last: [string, (file: string) => string] = ["bytes read", (file) => String(read.get(file) || "")];
  print(files, { title: "system calls by file", scale: 1, digits: 0, mostRows: 60, last });
}

/** Prints what a tool of this machine finds out, or what is missing for it. */
async function attempt(tool: string, print: () => void | Promise<void>): Promise<void> {
  if (!has(tool)) {
    console.log(`\n${tool} is not installed: its tables are missing (helpers/setup profile)`);
    return;
  }
  try {
    await print();
  } catch (error) {
    console.log(`\nSome tables are missing: ${(error as Error).message}`);
  }
}

// The terminal sends Ctrl-C to all of us: what we wait for ends, and what we made goes.
process.on("SIGINT", () => {});
try {
  const tar = await buildImage("busybox", join(directory, "busybox.tar"));
  const contender = tinydocker(resolve(values.binary), directory, tar);
  try {
    // The copy that it runs, and its state root.
    const [binary = "", , root = ""] = contender.run.argv;
    const argv = [binary, "--root", root, ...words];
    if (words[0] === "exec") contender.keep();
    console.log(`\n${contender.name}`);
    const cpuMs = printUndisturbed(argv);
    await attempt("perf", () => printCpu(argv, binary, cpuMs));
    await attempt("perf", () => printFaults(argv, binary));
    await attempt("strace", () => printCalls(argv, binary, root));
  } finally {
    contender.close();
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
