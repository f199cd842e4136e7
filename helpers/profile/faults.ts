/** Which memory the page faults of a command are in, and which chunks of the program they bring in. */

import { readFileSync } from "node:fs";
import { columnOf, type Life } from "./life.ts";
import { add, type Matrix } from "./matrix.ts";
import type { Mapping, Recording, Sample } from "./perf.ts";
import { chunksOf, type Part, partAt, sectionsOf } from "./program.ts";
import { sourceFinder } from "./sources.ts";

export const howToRecordFaults = ["-e", "page-faults", "-c", "1", "-d"];

export interface Program {
  sections: Part[];
  chunks: Part[];
}
export async function programOf(binary: string): Promise<Program> {
  const elf = readFileSync(binary);
  return { sections: sectionsOf(elf), chunks: chunksOf(elf, await sourceFinder()) };
}

export interface Counts {
  /** By kind of memory. */
  regions: Matrix;
  /** By what came before in the same page. */
  kinds: Matrix;
  /** By part of a chunk. */
  chunks: Matrix;
}

export function countFaults({ regions, kinds, chunks }: Counts, recording: Recording, program: Program): void {
  const { life, samples } = recording;
  const anonymous = anonymousMappings(recording);
  const before = history(life);
  for (const sample of samples) {
    const { pid, tid, time, frames } = sample;
    const address = frames[0]?.address ?? 0;
    const column = columnOf(life, pid, tid, time);
    // What is executed then has an address space of its own.
    const isProgram = column !== "command" && column !== "others";
    add(regions, regionOf(sample, isProgram ? program.sections : [], anonymous(pid, time, address)), column);
    if (!isProgram) continue;
    add(kinds, before(pid, time, address), column);
    const chunk = partAt(program.chunks, address);
    if (chunk) add(chunks, chunk.name, column);
  }
}

const pageBytes = 4096;

/** What came before a fault in its page. Faults that the kernel spared by mapping pages around another one are not seen. */
function history({ root, init, clonedAt }: Life) {
  const touched = new Map<number, Map<number, number>>();
  const pagesOf = (pid: number) => {
    const pages = touched.get(pid) ?? new Map<number, number>();
    touched.set(pid, pages);
    return pages;
  };
  return (pid: number, time: number, address: number): string => {
    const page = Math.floor(address / pageBytes);
    const last = pagesOf(pid).get(page);
    const parents = pid === init ? pagesOf(root).get(page) : undefined;
    pagesOf(pid).set(page, time);
    if (last !== undefined && (last > clonedAt || time < clonedAt)) return "a page that it touched before";
    if (last !== undefined || (parents !== undefined && parents < clonedAt))
      return "a page from before the fork: copied, or mapped again";
    return "a page that is new to it";
  };
}

function regionOf({ frames }: Sample, sections: Part[], mapping: Mapping | undefined): string {
  const [touched] = frames;
  if (!touched) return "unknown";
  const section = partAt(sections, touched.address);
  if (section) return `the binary: ${sectionTitles[section.name] ?? "other data"}`;
  if (touched.object === "[stack]") return "stack of the main thread";
  if (mapping) return `anonymous memory, mapped as ${size(mapping.bytes)}${isHeap(mapping) ? ": mimalloc's heap" : ""}`;
  if (/anon|perf-\d+\.map|unknown/.test(touched.object)) return "anonymous memory";
  return touched.object.startsWith("/") ? `files: ${touched.object.replace(/^.*\//, "")}` : touched.object;
}

/** mimalloc asks for addresses from 2 to 30 TiB (its `_mi_os_get_aligned_hint`), where the kernel puts nothing by itself. */
const isHeap = ({ start }: Mapping): boolean => start >= 2 * 2 ** 40 && start < 30 * 2 ** 40;

const sectionTitles: Record<string, string> = {
  ".text": "code (.text)",
  ".rodata": "constants (.rodata)",
  ".bun_builtins": "Bun's builtins (.bun_builtins)",
  ".bun": "our chunks (.bun)",
  ".bss": "zeroed data (.bss)",
  ".data": "data (.data)",
  ".data.rel.ro": "data (.data)",
};

const size = (bytes: number): string => (bytes < 1 << 20 ? `${bytes >> 10} KB` : `${Math.round(bytes / (1 << 20))} MB`);

/** The mapping of anonymous memory that holds an address of a process at a time: its own last, or one from before the fork. */
function anonymousMappings({ mappings, life }: Recording) {
  const list = mappings.filter(({ object }) => object === "//anon");
  return (pid: number, time: number, address: number): Mapping | undefined =>
    list.findLast(
      (each) =>
        address >= each.start &&
        address < each.start + each.bytes &&
        each.time <= time &&
        (each.pid === pid || (each.pid === life.root && pid === life.init && each.time < life.clonedAt)),
    );
}
