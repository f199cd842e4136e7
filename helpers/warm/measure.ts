/**
 * `bun helpers/warm/measure.ts` (perf, as root): builds a binary without warm.c, looks which pages its commands touch, and writes
 * pages.json beside it. Needed after an update of Bun, and useful after large changes of the program.
 */

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ociRuntimes, tinydocker } from "../bench/contenders.ts";
import { build, hostTarget } from "../build.ts";
import { buildImage } from "../images.ts";
import { howToRecordFaults } from "../profile/faults.ts";
import { type Recording, record } from "../profile/perf.ts";
import { sectionsOf } from "../profile/program.ts";
import { type Mapping, type Pages, pagesOfHugePage, rangesOf, type WarmPages } from "./pages.ts";

const pageBytes = 4096;
/** One fault brings in that many pages of a file. */
const pagesAround = 16;
const GiB = 2 ** 30;

/** The mappings that Bun makes, in this order: mimalloc's heap, and JavaScriptCore's structures, which begin at a multiple of 4 GiB. */
const known = [
  { bytes: GiB, alignment: 1 },
  { bytes: 8 * GiB, alignment: 4 * GiB },
];
/** Of how many commands a page must be. Memory costs more than a call that was not needed. */
const enough = { file: 3, memory: 5 };

/** What a command touched: pages of the file, and of each known mapping. */
interface Touched {
  file: Set<number>;
  mappings: Set<number>[];
}

async function measure(): Promise<WarmPages> {
  const directory = mkdtempSync("/var/tmp/tinydocker-warm-");
  const binary = join(directory, "tinydocker");
  const tar = await buildImage("busybox", join(directory, "busybox.tar"));
  await build(hostTarget(), binary, { cold: true });
  const engine = tinydocker(binary, join(directory, "engine"), tar);
  const oci = await ociRuntimes(directory, tar, [binary]);
  const [runtime] = oci.runtimes;
  const own = [engine, runtime!];
  try {
    for (const { keep } of own) keep();
    const [program = "", ...root] = engine.run.argv.slice(0, 3);
    const all = own.flatMap(({ run, exec, life, state }) =>
      [run, exec, state, life].flatMap((command) => (command ? split(command.argv) : [])),
    );
    all.push([program, ...root, "ps"], [program, ...root, "version"]);
    const sections = sectionsOf(readFileSync(binary));
    return summary(
      all.map((argv) => touchedBy(argv, directory)),
      sections,
    );
  } finally {
    for (const { close } of own) close();
    oci.release();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A command of the bench that is several of them. */
function split(words: string[]): string[][] {
  const commands: string[][] = [[]];
  for (const word of words) {
    if (word === "+++") commands.push([]);
    else commands.at(-1)!.push(word.replace("{}", "once"));
  }
  return commands;
}

/** What was created holds its standard output until it is started, and perf's is waited for. */
const alone = ["sh", "-c", 'exec "$@" >/dev/null 2>&1', "sh"];

function touchedBy(argv: string[], directory: string): Touched {
  // What was started has ended before it is deleted.
  if (argv[0] === "wait") spawnSync("sleep", ["1"]);
  const touched: Touched = { file: new Set(), mappings: known.map(() => new Set()) };
  if (argv[0] === "wait") return touched;
  const { samples, mappings, life }: Recording = record([...alone, ...argv], howToRecordFaults, directory);
  const bases = known.map(({ bytes, alignment }) => {
    const start = mappings.find(
      (each) => each.pid === life.root && each.bytes === bytes && each.object === "//anon",
    )?.start;
    return start === undefined ? Number.NaN : Math.ceil(start / alignment) * alignment;
  });
  for (const { pid, frames } of samples) {
    const address = frames[0]?.address ?? 0;
    if (pid !== life.root) continue;
    touched.file.add(Math.floor(address / pageBytes));
    for (const [index, base] of bases.entries()) {
      const offset = address - base;
      if (offset >= 0 && offset < known[index]!.bytes) touched.mappings[index]!.add(Math.floor(offset / pageBytes));
    }
  }
  return touched;
}

function summary(all: Touched[], sections: ReturnType<typeof sectionsOf>): WarmPages {
  const end = (name: string) => {
    const { start, bytes } = sections.find((section) => section.name === name)!;
    return Math.floor((start + bytes) / pageBytes);
  };
  // Our own chunks lie elsewhere in each build, and zeroed data are behind them.
  const [lastCode, lastData] = [end(".plt"), end(".got.plt")];
  const files = all.map(({ file }) => [...file]);
  const around = files.map(
    (pages) => new Set(pages.filter((page) => page < lastCode).map((page) => Math.floor(page / pagesAround))),
  );
  const windows = shared(around, enough.file).map((window): Pages => [window * pagesAround, pagesAround]);
  const data = files.map((pages) => new Set(pages.filter((page) => page > lastCode && page <= lastData)));
  return {
    bun: Bun.version,
    read: rangesOf(
      windows.flatMap(([page, pages]) => Array.from({ length: pages }, (_, index) => page + index)),
      pagesAround,
    ),
    written: rangesOf(shared(data, enough.file), 1),
    mappings: known.map((mapping, index): Mapping => {
      const touched = all.map(({ mappings }) => mappings[index]!);
      return { ...mapping, pages: rangesOf(shared(touched, enough.memory), 1), ...blocksOf(touched) };
    }),
  };
}

/** What occurs in so many of the sets. */
function shared(sets: Set<number>[], times: number): number[] {
  const counts = new Map<number, number>();
  for (const set of sets) for (const each of set) counts.set(each, (counts.get(each) ?? 0) + 1);
  return [...counts].filter(([, count]) => count >= times).map(([each]) => each);
}

/** How full a command makes what could be a huge page, at most. */
function blocksOf(touched: Set<number>[]): { dense: number[]; sparse: number[] } {
  const most = new Map<number, number>();
  for (const pages of touched) {
    const counts = new Map<number, number>();
    for (const page of pages) {
      const block = Math.floor(page / pagesOfHugePage);
      counts.set(block, (counts.get(block) ?? 0) + 1);
    }
    for (const [block, count] of counts) most.set(block, Math.max(count, most.get(block) ?? 0));
  }
  const [third, eighth] = [pagesOfHugePage / 3, pagesOfHugePage / 8];
  const from = (least: number) => [...most.keys()].filter((block) => most.get(block)! >= least);
  const [dense, used] = [from(third).sort((a, b) => a - b), from(eighth)];
  const [first, last] = [Math.min(...used), Math.max(...used)];
  // Between them the program's next version may need what this one does not, and what is not touched costs nothing.
  const all = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  return { dense, sparse: all.filter((block) => !dense.includes(block)) };
}

if (import.meta.main) writeFileSync(join(import.meta.dir, "pages.json"), `${JSON.stringify(await measure())}\n`);
