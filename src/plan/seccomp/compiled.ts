/** The built-in filter of a container, as bytes: what most have is in the binary, compiled when that was built. Pure. */

import type { Machine } from "../../linux/seccomp/architectures.ts";
import { compileDefault } from "./at-build.ts" with { type: "macro" };

const common = compileDefault();

/** @param bounding capabilities that somebody inside may have at most. */
export function builtinFilter(bounding: readonly string[], machine: Machine): Uint8Array {
  const capabilities = common.relevant.filter((name) => bounding.includes(name));
  if (capabilities.join() === common.capabilities.join()) return Uint8Array.fromBase64(common.filter[machine]);
  return (require("./others.ts") as typeof import("./others.ts")).otherFilter(capabilities, machine);
}
