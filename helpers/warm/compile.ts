/**
 * Builds warm.c and writes its bytes to code.ts beside it: `bun helpers/warm/compile.ts` (package gcc). A test builds it again
 * and compares.
 */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freestanding } from "../interpreter.ts";
import { run } from "../process.ts";

const folder = import.meta.dir;

const flags = [...freestanding, "-mgeneral-regs-only", "-fcf-protection=none"];

/** The table begins where the code ends, and data would be an error. */
const script = `SECTIONS {
  . = 0;
  .text : { *(.text*) . = ALIGN(16); table = .; }
  /DISCARD/ : { *(.comment) *(.note*) }
  .none : { *(*) }
  ASSERT(SIZEOF(.none) == 0, "there is data")
}`;

/** The machine code for x86_64, up to its table. @throws Error if it needs data. */
export function compileWarm(): Buffer {
  const directory = mkdtempSync(join(tmpdir(), "warm-"));
  const file = (name: string) => join(directory, name);
  try {
    writeFileSync(file("script"), script);
    run("gcc", [...flags, "-c", join(folder, "warm.c"), "-o", file("object")]);
    run("ld", [
      "-e",
      "start",
      "-static",
      "--build-id=none",
      "-T",
      file("script"),
      "-o",
      file("linked"),
      file("object"),
    ]);
    run("objcopy", ["-O", "binary", "-j", ".text", file("linked"), file("bytes")]);
    return readFileSync(file("bytes"));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

if (import.meta.main) {
  const header = "/** The machine code of warm.c, as base64. Written by compile.ts. */";
  const code = compileWarm().toString("base64");
  writeFileSync(join(folder, "code.ts"), `${header}\n\nexport const code =\n  "${code}";\n`);
}
