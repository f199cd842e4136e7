/**
 * Lets a compiled binary start in a working directory that was deleted. Bun asks for its name before our program begins, and
 * gives up without one; so the first instructions of the program are ours. They ask first, and go to an empty directory in
 * which nobody can make anything: absolute paths work from there, and relative ones are refused by us (src/paths.ts).
 * For x86_64; other builds say that they cannot start.
 */

import { nowhere } from "../src/paths.ts";
import { sectionsOf } from "./profile/program.ts";

/** Between functions, where nothing comes by: int3. */
const filler = 0xcc;
/** e_entry. @see elf(5) */
const entryField = 0x18;

/** Puts the instructions before the program's first ones, in place. @throws Error where there is no room for them. */
export function startWhereverItIs(binary: Buffer): void {
  const text = sectionsOf(binary).find(({ name }) => name === ".text");
  if (!text) throw new Error("this bun has no section .text: look at helpers/unlinked.ts again");
  const code = binary.subarray(text.fileOffset, text.fileOffset + text.bytes);
  const room = Buffer.alloc(instructions(0, 0).length + 16, filler);
  const gap = code.indexOf(room);
  if (gap === -1) throw new Error("this bun has no gap between functions: look at helpers/unlinked.ts again");
  // The first bytes may be the end of an instruction of the function before.
  const at = gap + 16;
  instructions(text.start + at, Number(binary.readBigUInt64LE(entryField))).copy(code, at);
  binary.writeBigUInt64LE(BigInt(text.start + at), entryField);
}

const getcwd = 79;
const chdir = 80;
const ENOENT = 2;

/**
 * At an address: `if (getcwd(NULL, 1) == -ENOENT) chdir(nowhere); goto entry`. A directory that has a name does not fit into one
 * byte: ERANGE. Registers that hold something when a program begins (rdx, rsp) stay as they are.
 * @see getcwd(2); System V Application Binary Interface, AMD64, "Process Initialization"
 */
function instructions(address: number, entry: number): Buffer {
  const path = Buffer.from(`${nowhere}\0`);
  const ask = [0x31, 0xff, 0xbe, ...word(1), 0xb8, ...word(getcwd), 0x0f, 0x05]; // xor edi,edi; mov esi,1; mov eax,79; syscall
  const compare = [0x83, 0xf8, -ENOENT & 0xff]; // cmp eax,-ENOENT
  const jump = 5;
  // lea rdi,[rip+jump of the end]: the path lies behind it; mov eax,80; syscall
  const go = [0x48, 0x8d, 0x3d, ...word(7 + jump), 0xb8, ...word(chdir), 0x0f, 0x05];
  const before = [...ask, ...compare, 0x75, go.length, ...go]; // jne: over it
  const end = address + before.length + jump;
  return Buffer.concat([Buffer.from([...before, 0xe9, ...word(entry - end)]), path]);
}

/** 32 bits, as instructions hold them. */
function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}
