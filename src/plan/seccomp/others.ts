/** Built-in filters of containers whose capabilities somebody has changed: most of them from the binary, too. Pure. */

import type { Machine } from "../../linux/seccomp/architectures.ts";
import { compileOthers } from "./at-build.ts" with { type: "macro" };

const others = compileOthers();

/** @param capabilities those that the profile asks for. */
export function otherFilter(capabilities: string[], machine: Machine): Uint8Array {
  const known = others[capabilities.join()];
  if (known) return Uint8Array.fromBase64(known[machine]);
  const { compileBuiltin } = require("./at-run.ts") as typeof import("./at-run.ts");
  return compileBuiltin(capabilities, machine);
}
