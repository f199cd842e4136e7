/** Compiles the device filter of nearly every container and writes it to src/plan/device/default-filter.ts: `bun helpers/device-filter.ts`. A test compares. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { encode } from "../src/linux/bpf/instruction.ts";
import { compileDeviceFilter } from "../src/plan/device/compile.ts";
import { defaultDeviceRules } from "../src/plan/device/default-rules.ts";

/** As base64. */
export const compiledDefault = (): string =>
  Buffer.from(encode(compileDeviceFilter(defaultDeviceRules))).toString("base64");

if (import.meta.main) {
  const header = "/** The program of the default rules (rules.ts), as base64. Written by helpers/device-filter.ts. */";
  writeFileSync(
    join(import.meta.dir, "../src/plan/device/default-filter.ts"),
    `${header}\n\nexport const defaultDeviceFilter =\n  "${compiledDefault()}";\n`,
  );
}
