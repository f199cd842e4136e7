/**
 * Puts warm.c and its table into a compiled binary, as a segment of its own that runs before everything else. For x86_64 and
 * glibc only, and one version of Bun: other binaries stay as they are.
 */

import { sectionsOf } from "../profile/program.ts";
import { code } from "./code.ts";
import { among, type Pages, pagesOfHugePage, type WarmPages } from "./pages.ts";

// elf(5)
const entryAt = 0x18;
const headersAt = 0x20;
const headerCountAt = 0x38;
const headerBytes = 56;
const PT_LOAD = 1;
const PT_NOTE = 4;
const R_X = 5;
const R_X86_64_JUMP_SLOT = 7;
const pageBytes = 4096;

const kinds = { read: 0, written: 1, plain: 2, dense: 3, sparse: 4, denseHuge: 5, sparseHuge: 6 } as const;
const mostMappings = 2;
const nameBytes = 15;
/** Commands that stay as long as a container (0), or may (1). All others are over at once (2), those of the OCI runtime among them. */
const names: [string, number][] = [
  ["monitor", 0],
  ["network-keeper", 0],
  ["run", 1],
  ["exec", 1],
  ["runtime", 2],
];

/** @returns the binary with the segment. @throws Error if the pages are those of another Bun, or the binary has another shape. */
export function warm(binary: Buffer, pages: WarmPages): Buffer {
  if (pages.bun !== Bun.version)
    throw new Error(`helpers/warm/pages.json is of Bun ${pages.bun}, not ${Bun.version}: bun helpers/warm/measure.ts`);
  const segments = segmentsOf(binary);
  const note = segments.find(({ type }) => type === PT_NOTE);
  if (!note) throw new Error("this bun has no note to give up: look at helpers/warm/patch.ts again");
  const loaded = segments.filter(({ type }) => type === PT_LOAD);
  const end = Math.max(...loaded.map(({ address, memoryBytes }) => address + memoryBytes));
  // Behind all of it, and behind what brk(2) would begin with.
  const address = Math.ceil(end / 2 ** 21) * 2 ** 21 + 2 ** 21;
  const offset = Math.ceil(binary.length / pageBytes) * pageBytes;
  const slot = slotOf(binary, "mmap");
  const segment = Buffer.concat([
    Buffer.from(code, "base64"),
    tableOf(Number(binary.readBigUInt64LE(entryAt)), slot, pages),
  ]);
  const result = Buffer.concat([binary, Buffer.alloc(offset - binary.length), segment]);
  result.writeUInt32LE(PT_LOAD, note.at);
  result.writeUInt32LE(R_X, note.at + 4);
  for (const [index, value] of [offset, address, address, segment.length, segment.length, pageBytes].entries())
    result.writeBigUInt64LE(BigInt(value), note.at + 8 + index * 8);
  result.writeBigUInt64LE(BigInt(address), entryAt);
  return result;
}

interface Segment {
  at: number;
  type: number;
  address: number;
  memoryBytes: number;
}
function segmentsOf(elf: Buffer): Segment[] {
  const start = Number(elf.readBigUInt64LE(headersAt));
  return Array.from({ length: elf.readUInt16LE(headerCountAt) }, (_, index) => {
    const at = start + index * headerBytes;
    const word = (offset: number) => Number(elf.readBigUInt64LE(at + offset));
    return { at, type: elf.readUInt32LE(at), address: word(16), memoryBytes: word(40) };
  });
}

/** Where the address of a function of libc stands once it was called, and what stands there until then. */
function slotOf(elf: Buffer, name: string): { address: number; unused: bigint } {
  const sections = new Map(sectionsOf(elf).map((section) => [section.name, section]));
  const bytesOf = (section: string) => {
    const { fileOffset, bytes } = sections.get(section)!;
    return elf.subarray(fileOffset, fileOffset + bytes);
  };
  const [relocations, symbols, strings] = [bytesOf(".rela.plt"), bytesOf(".dynsym"), bytesOf(".dynstr")];
  for (let at = 0; at < relocations.length; at += 24) {
    const [type, symbol] = [relocations.readUInt32LE(at + 8), relocations.readUInt32LE(at + 12)];
    const own = symbols.readUInt32LE(symbol * 24);
    if (type !== R_X86_64_JUMP_SLOT || strings.toString("latin1", own, strings.indexOf(0, own)) !== name) continue;
    const address = Number(relocations.readBigUInt64LE(at));
    return { address, unused: bytesOf(".got.plt").readBigUInt64LE(address - sections.get(".got.plt")!.start) };
  }
  throw new Error(`this bun does not call ${name} by its procedure linkage table: look at helpers/warm/patch.ts again`);
}

/** struct table. */
function tableOf(program: number, slot: { address: number; unused: bigint }, pages: WarmPages): Buffer {
  const { mappings } = pages;
  if (mappings.length !== mostMappings) throw new Error(`there are ${mappings.length} mappings`);
  const words = [program, slot.address, slot.unused, ...mappings.flatMap(({ bytes, alignment }) => [bytes, alignment])];
  const ranges = [
    ...entries(0, kinds.read, pages.read),
    ...entries(0, kinds.written, pages.written),
    ...mappings.flatMap((mapping, index) => {
      const { pages, dense, sparse } = mapping;
      const blocks = (numbers: number[]) => numbers.map((each): Pages => [each * pagesOfHugePage, pagesOfHugePage]);
      const huge = new Set([...among(pages, dense), ...among(pages, sparse)]);
      return [
        ...entries(
          index + 1,
          kinds.plain,
          pages.filter((range) => !huge.has(range)),
        ),
        ...entries(index + 1, kinds.dense, among(pages, dense)),
        ...entries(index + 1, kinds.sparse, among(pages, sparse)),
        ...entries(index + 1, kinds.denseHuge, blocks(dense)),
        ...entries(index + 1, kinds.sparseHuge, blocks(sparse)),
      ];
    }),
  ];
  return Buffer.concat([...words.map(wordOf), ...names.map(nameOf), wordOf(ranges.length), ...ranges]);
}

function wordOf(value: number | bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function nameOf([text, mode]: [string, number]): Buffer {
  const bytes = Buffer.alloc(nameBytes + 1);
  bytes.write(text, "latin1");
  bytes[nameBytes] = mode;
  return bytes;
}

/** struct range. */
const entries = (mapping: number, kind: number, ranges: Pages[]): Buffer[] =>
  ranges.map(([page, pages]) => {
    const bytes = Buffer.alloc(8);
    bytes.writeUInt32LE(page);
    bytes.writeUInt16LE(pages, 4);
    bytes[6] = mapping;
    bytes[7] = kind;
    return bytes;
  });
