/** Filters that are compiled when a container starts. Pure. */

import type { Machine } from "../../linux/seccomp/architectures.ts";
import { builtinProfile } from "./builtin.ts";
import { compileFilter } from "./filter.ts";
import { resolveProfile } from "./resolve.ts";

/** Any that tinydocker runs on is newer. */
const kernel = "5.14";

export const compileBuiltin = (capabilities: readonly string[], machine: Machine): Uint8Array =>
  compileFilter(resolveProfile(builtinProfile, { capabilities, machine, kernel }, "builtin"), machine);
