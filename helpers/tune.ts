/**
 * Changes defaults of Bun in a compiled binary that are made for programs that stay, and cost one that ends at once more than
 * they give (docs/speed.md). For x86_64 and glibc only: other builds of Bun have other code there, and stay as they are.
 */

import { sectionsOf } from "./profile/program.ts";

/** The option of JavaScriptCore that starts a thread to make pages ready: up to 200 page faults, for a heap that grows no more. */
const option = "useWarmUpMarkedBlocks";

/**
 * Switches it off, in place: no variable and no call can, before it is too late.
 * @throws Error when it is not found as it is known: look here again after an update of Bun.
 */
export function tune(binary: Buffer): void {
  const sections = sectionsOf(binary);
  const section = (name: string) => {
    const found = sections.find((one) => one.name === name);
    if (!found) throw new Error(`this bun has no section ${name}: look at helpers/tune.ts again`);
    return found;
  };
  const [text, config, constants] = [section(".text"), section("__DATA,__wtf_config"), section(".rodata")];
  const bytesOf = ({ fileOffset, bytes }: typeof text) => binary.subarray(fileOffset, fileOffset + bytes);
  const isIn = (address: number) => address >= config.start && address < config.start + config.bytes;
  // Its place among the options, and that of the count which is asked for after it.
  const place = placeOf(bytesOf(constants), constants.start);
  const code = bytesOf(text);
  const found: number[] = [];
  const set = Buffer.from([0xc6, 0x05]); // movb $imm8, disp32(%rip)
  for (let at = code.indexOf(set); at !== -1; at = code.indexOf(set, at + 1)) {
    if (code[at + 6] !== 1) continue;
    const target = text.start + at + 7 + code.readInt32LE(at + 2);
    if (isIn(target) && isAskedFor(code, text.start, target, target + place.countAfter)) found.push(at + 6);
  }
  if (found.length !== 1)
    throw new Error(`${option} is set in ${found.length} places of this bun: look at helpers/tune.ts again`);
  code[found[0]!] = 0;
}

/** How far the number of blocks lies behind the switch, by the engine's own table of options: {name, length, text, length, place and type}. */
function placeOf(constants: Buffer, start: number): { countAfter: number } {
  const name = constants.indexOf(`JSC_${option}\0`) + "JSC_".length;
  const pointer = Buffer.alloc(8);
  pointer.writeBigUInt64LE(BigInt(start + name));
  const entry = constants.indexOf(pointer);
  if (name < "JSC_".length || entry === -1)
    throw new Error(`this bun has no option ${option}: look at helpers/tune.ts again`);
  const offset = (index: number) => constants.readUInt32LE(entry + index * 40 + 32) >>> 16;
  return { countAfter: offset(1) - offset(0) };
}

/** Whether the code asks for the switch and then, a few bytes on, whether there is a count: `cmpb $0, switch; j..; cmpl $0, count`. */
function isAskedFor(code: Buffer, start: number, switchAt: number, countAt: number): boolean {
  const compareByte = Buffer.from([0x80, 0x3d]);
  for (let at = code.indexOf(compareByte); at !== -1; at = code.indexOf(compareByte, at + 1)) {
    if (code[at + 6] !== 0 || start + at + 7 + code.readInt32LE(at + 2) !== switchAt) continue;
    for (let next = at + 7; next < at + 24; next++)
      if (code[next] === 0x83 && code[next + 1] === 0x3d && start + next + 7 + code.readInt32LE(next + 2) === countAt)
        return true;
  }
  return false;
}
