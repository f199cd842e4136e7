/** What lies where in a program that Bun compiled: the sections of the ELF file, and the chunks of JavaScript in one of them. */

export interface Part {
  name: string;
  /** Where it is in the memory of the process: Bun is linked to fixed addresses. */
  start: number;
  bytes: number;
}

/** Sections that take memory. @see elf(5) */
export function sectionsOf(elf: Buffer): (Part & { fileOffset: number })[] {
  const at = Number(elf.readBigUInt64LE(0x28));
  const [size, count, names] = [elf.readUInt16LE(0x3a), elf.readUInt16LE(0x3c), elf.readUInt16LE(0x3e)];
  const header = (index: number) => elf.subarray(at + index * size, at + (index + 1) * size);
  const word = (bytes: Buffer, offset: number) => Number(bytes.readBigUInt64LE(offset));
  const strings = word(header(names), 0x18);
  return Array.from({ length: count }, (_, index) => header(index))
    .filter((section) => word(section, 0x10) !== 0)
    .map((section) => {
      const name = strings + section.readUInt32LE(0);
      return {
        name: elf.toString("latin1", name, elf.indexOf(0, name)),
        start: word(section, 0x10),
        bytes: word(section, 0x20),
        fileOffset: word(section, 0x18),
      };
    });
}

const trailer = Buffer.from("\n---- Bun! ----\n");
// StandaloneModuleGraph.zig: the offsets before the trailer, and a record for each module. Neither is a promise of Bun's.
const offsetsBytes = 32;
const moduleBytes = 52;
const kinds = ["source", "source map", "bytecode", "module info"];

/**
 * Each chunk's source, bytecode and so on; none where this Bun lays them out in another way.
 * @param nameOf what to call a chunk of this code; otherwise it keeps its own name.
 */
export function chunksOf(elf: Buffer, nameOf: (code: string) => string | undefined): Part[] {
  const section = sectionsOf(elf).find(({ name }) => name === ".bun");
  if (!section) return [];
  // The section begins with how long the rest is.
  const data = elf.subarray(section.fileOffset + 8, section.fileOffset + section.bytes);
  const end = data.lastIndexOf(trailer);
  if (end < offsetsBytes) return [];
  const [list, length] = [data.readUInt32LE(end - offsetsBytes + 8), data.readUInt32LE(end - offsetsBytes + 12)];
  if (length % moduleBytes !== 0) return [];
  const chunks: Part[] = [];
  for (let at = list; at < list + length; at += moduleBytes) {
    const [nameAt, nameBytes] = [data.readUInt32LE(at), data.readUInt32LE(at + 4)];
    const own = data.toString("utf8", nameAt, nameAt + nameBytes).replace(/^.*\//, "");
    const [codeAt, codeBytes] = [data.readUInt32LE(at + 8), data.readUInt32LE(at + 12)];
    const name = nameOf(data.toString("utf8", codeAt, codeAt + codeBytes)) ?? own;
    for (const [index, kind] of kinds.entries()) {
      const [start, bytes] = [data.readUInt32LE(at + 8 + index * 8), data.readUInt32LE(at + 12 + index * 8)];
      if (bytes > 0) chunks.push({ name: `${name}: ${kind}`, start: section.start + 8 + start, bytes });
    }
  }
  return chunks;
}

/** The part that an address is in. */
export const partAt = <T extends Part>(all: T[], address: number): T | undefined =>
  all.find(({ start, bytes }) => address >= start && address < start + bytes);
