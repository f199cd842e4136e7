/**
 * Builds src/linux/program/interpreter.c for both architectures and writes its bytes to interpreter.ts beside it:
 * `bun helpers/interpreter.ts` (packages gcc and gcc-aarch64-linux-gnu). A test builds it again and compares.
 */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run, text } from "./process.ts";

const folder = join(import.meta.dir, "../src/linux/program");

const architectures = {
  x64: { tools: "", flags: ["-fcf-protection=none", "-mno-sse", "-mno-red-zone"] },
  arm64: {
    tools: "aarch64-linux-gnu-",
    flags: ["-mgeneral-regs-only", "-mno-outline-atomics", "-mbranch-protection=none"],
  },
} as const;
export type Architecture = keyof typeof architectures;

/** The compiler of an architecture. */
export const compilerOf = (architecture: Architecture): string => `${architectures[architecture].tools}gcc`;

/** Code that stands alone: no libc, no data, no tables. */
export const freestanding = [
  "-Os",
  "-fPIC",
  "-ffreestanding",
  "-nostdlib",
  "-fno-stack-protector",
  "-fno-jump-tables",
  "-fno-tree-loop-distribute-patterns",
  "-fomit-frame-pointer",
  "-fno-asynchronous-unwind-tables",
];

/** Compiles the interpreter. @throws Error if its code needs data: it is copied to a page of its own, without any. */
export function buildInterpreter(architecture: Architecture): Uint8Array {
  const { tools, flags: own } = architectures[architecture];
  const directory = mkdtempSync(join(tmpdir(), "interpreter-"));
  const file = (name: string) => join(directory, name);
  try {
    run(`${tools}gcc`, [...freestanding, ...own, "-c", join(folder, "interpreter.c"), "-o", file("object")]);
    run(`${tools}ld`, ["-e", "run", "-static", "--build-id=none", "-o", file("linked"), file("object")]);
    const sections = text(`${tools}objdump`, ["-h", file("linked")]);
    const data = / \.(rodata|data|bss|got)\S*/.exec(sections);
    if (data) throw new Error(`the interpreter for ${architecture} has a section${data[0]}`);
    run(`${tools}objcopy`, ["-O", "binary", "-j", ".text", file("linked"), file("bytes")]);
    return new Uint8Array(readFileSync(file("bytes")));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

if (import.meta.main) {
  const lines = (Object.keys(architectures) as Architecture[]).map(
    (name) => `  ${name}:\n    "${Buffer.from(buildInterpreter(name)).toString("base64")}",`,
  );
  const header = "/** The machine code of interpreter.c, as base64. Written by helpers/interpreter.ts. */";
  writeFileSync(
    join(folder, "interpreter.ts"),
    `${header}\n\nexport const interpreter = {\n${lines.join("\n")}\n} as const;\n`,
  );
}
