/** Filters that are compiled when a container starts. Pure. */

import type { Machine } from "../../linux/seccomp/architectures.ts";
import type { Seccomp } from "../../oci/seccomp.ts";
import { builtinProfile } from "./builtin.ts";
import { compileFilter } from "./filter.ts";
import { resolveProfile } from "./resolve.ts";

/** Any that tinydocker runs on is newer. */
const kernel = "5.14";

/** The built-in profile as rules, as `linux.seccomp` has them. @param capabilities the bounding set. */
export const builtinRules = (capabilities: readonly string[], machine: Machine): Seccomp =>
  resolveProfile(builtinProfile, { capabilities, machine, kernel }, "builtin");

export const compileBuiltin = (capabilities: readonly string[], machine: Machine): Uint8Array =>
  compileFilter(builtinRules(capabilities, machine), machine);
