/**
 * Closes the environment variables through which a compiled Bun program can be turned into something else
 * (docs/security.md B1): each name is blanked in the binary, so that no variable can match it any more.
 */

/** What each variable would let its setter do. A trailing `*` stands for every name that begins so. */
export const backdoors: Record<string, string> = {
  BUN_BE_BUN: "runs as the bun command instead of our program",
  BUN_OPTIONS: "adds options of bun, --preload with any code among them",
  BUN_BYTECODE_ORDER_OUT: "writes a file anywhere",
  BUN_BYTECODE_ORDER_NAMES_OUT: "writes a file anywhere",
  BUN_BYTECODE_DIGEST_OUT: "writes a file anywhere",
  "BUN_INSPECT*": "opens a debugger, or preloads a file",
  BUN_RUNTIME_TRANSPILER_CACHE_PATH: "reads and writes compiled code there",
  BUN_TCC_OPTIONS: "adds options of the C compiler",
  BUN_CRASH_REPORT_URL: "sends crash reports elsewhere",
  BUN_ENABLE_CRASH_REPORTING: "sends crash reports",
  BUN_CONFIG_VERBOSE_FETCH: "prints requests with their credentials",
  BUN_TRACE: "writes a file anywhere",
  BUN_WATCHER_TRACE: "writes a file anywhere",
  BUN_THREADPOOL_STATS: "prints on our stderr",
  "BUN_DEBUG_*": "switches debugging on",
  "BUN_INTERNAL_*": "switches parts of bun that are for itself",
  "BUN_FEATURE_FLAG_*": "switches parts of bun off, IPv6 and caches among them",
  NODE_CHANNEL_FD: "takes a descriptor for a message channel",
  NODE_TLS_REJECT_UNAUTHORIZED: "accepts any certificate",
};

/** These must not occur anywhere; the others count only where they are a whole string of the C kind (JavaScript inside bun mentions some). */
const nowhere = ["BUN_BE_BUN", "BUN_OPTIONS"];

/**
 * Blanks every backdoor in a compiled binary, in place.
 * @returns how often each was found. @throws Error when one that bun is known to have was not found, or is left.
 */
export function seal(binary: Buffer, arch: "x64" | "arm64"): Map<string, number> {
  const hits = new Map<string, number>();
  for (const name of Object.keys(backdoors)) {
    const places = [...occurrences(binary, name)];
    if (places.length === 0) throw new Error(`${name} is not in this bun: look at helpers/seal.ts again`);
    // The first byte becomes NUL: no environment string can hold one, so the name equals none.
    for (const at of places) binary[at] = 0;
    hits.set(name, places.length);
  }
  for (const name of Object.keys(backdoors)) {
    if (!occurrences(binary, name).next().done) throw new Error(`${name} is still in the binary`);
  }
  hits.set("BUN_JSC_*", sealEngineOptions(binary, arch));
  return hits;
}

function* occurrences(binary: Buffer, pattern: string): Generator<number> {
  const name = pattern.replace("*", "");
  const anywhere = nowhere.includes(name);
  for (let at = binary.indexOf(name); at !== -1; at = binary.indexOf(name, at + 1)) {
    const startsString = binary[at - 1] === 0;
    const endsString = pattern.endsWith("*") || binary[at + name.length] === 0;
    if (anywhere || (startsString && endsString)) yield at;
  }
}

/**
 * `BUN_JSC_*` sets options of the JavaScript engine, some of which write files (BUN_JSC_useJITDump). Its prefix is no string in
 * the binary but eight comparisons of one byte each. The last is turned into a second question about the seventh byte: it
 * cannot be both `C` and `_`, so nothing matches. Returns how many such comparisons there were.
 */
function sealEngineOptions(binary: Buffer, arch: "x64" | "arm64"): number {
  const find = arch === "x64" ? findComparisonsX64 : findComparisonsArm64;
  const found = find(binary);
  if (found.length === 0) throw new Error("the comparison with BUN_JSC_ was not found: look at helpers/seal.ts again");
  for (const { redirect } of found) redirect();
  if (find(binary).length > 0) throw new Error("a comparison with BUN_JSC_ is still in the binary");
  return found.length;
}

const prefix = Buffer.from("BUN_JSC_");
type Comparison = { redirect(): void };

/** `cmpb $imm8, i(%reg)` for i = 0 to 7, each followed by a jump. */
function findComparisonsX64(binary: Buffer): Comparison[] {
  const found: Comparison[] = [];
  // cmpb with an 8-bit displacement: 80 /7 disp8 imm8; the second comparison is the rarest to search for.
  for (let at = binary.indexOf(0x80); at !== -1; at = binary.indexOf(0x80, at + 1)) {
    if (binary[at + 3] !== prefix[1] || binary[at + 2] !== 1 || ((binary[at + 1] ?? 0) & 0xf8) !== 0x78) continue;
    const last = followX64(binary, at, binary[at + 1] as number);
    if (last !== undefined) found.push({ redirect: () => binary.writeUInt8(6, last + 2) });
  }
  return found;
}

/** From the comparison of byte 1 to that of byte 7, if all between are there: its position. */
function followX64(binary: Buffer, first: number, modrm: number): number | undefined {
  let at = first;
  for (let index = 2; index < prefix.length; index++) {
    const next = binary.indexOf(Buffer.from([0x80, modrm, index, prefix[index] as number]), at + 4);
    if (next === -1 || next > at + 24) return undefined;
    at = next;
  }
  return at;
}

const isLoadByte = (word: number): boolean => (word & 0xffc00000) >>> 0 === 0x39400000;
const isCompare = (word: number): boolean => (word & 0xffc0001f) >>> 0 === 0x7100001f;
const immediate = (word: number): number => (word >>> 10) & 0xfff;

/** `ldrb wT, [xN, #i]` then `cmp wT, #imm` for i = 0 to 7, each followed by a jump. */
function findComparisonsArm64(binary: Buffer): Comparison[] {
  const found: Comparison[] = [];
  const rarest = Buffer.alloc(4);
  for (let register = 0; register < 32; register++) {
    rarest.writeUInt32LE((0x7100001f | (0x55 << 10) | (register << 5)) >>> 0);
    for (let at = binary.indexOf(rarest); at !== -1; at = binary.indexOf(rarest, at + 4)) {
      const last = at % 4 === 0 ? followArm64(binary, at) : undefined;
      if (last === undefined) continue;
      const word = binary.readUInt32LE(last);
      found.push({ redirect: () => binary.writeUInt32LE(((word & ~(0xfff << 10)) | (6 << 10)) >>> 0, last) });
    }
  }
  return found;
}

/** From the comparison with `U` on, the letters of the prefix in order: the position of the load of byte 7. */
function followArm64(binary: Buffer, first: number): number | undefined {
  let index = 2;
  let load: number | undefined;
  for (let at = first + 4; at < first + 4 * 40 && at + 4 <= binary.length; at += 4) {
    const word = binary.readUInt32LE(at);
    if (isLoadByte(word) && immediate(word) === index) load = at;
    if (!isCompare(word) || load === undefined) continue;
    if (immediate(word) !== prefix[index]) return undefined;
    if (index === prefix.length - 1) return load;
    index++;
    load = undefined;
  }
  return undefined;
}
