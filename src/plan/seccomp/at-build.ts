/**
 * What the build puts into the binary: filters of the built-in profile, compiled. Run by the bundler (`with { type: "macro" }`),
 * and no part of what it bundles. Pure.
 */

import type { Machine } from "../../linux/seccomp/architectures.ts";
import { defaultCapabilities } from "../capabilities.ts";
import { compileBuiltin } from "./at-run.ts";
import { builtinProfile } from "./builtin.ts";
import { capabilitiesOf } from "./resolve.ts";

const machines: Machine[] = ["X86_64", "AARCH64"];

/** Base64 of the filter of a bounding set, for each machine. */
type Compiled = Record<Machine, string>;

function compiled(capabilities: readonly string[]): Compiled {
  const all = machines.map((machine) => [machine, compileBuiltin(capabilities, machine).toBase64()]);
  return Object.fromEntries(all);
}

const relevant = [...capabilitiesOf(builtinProfile)].sort();

/** What has to be known for a container whose capabilities nobody has changed. */
export const compileDefault = (): { relevant: string[]; capabilities: string[]; filter: Compiled } => ({
  relevant,
  capabilities: defaultCapabilities.filter((name) => relevant.includes(name)),
  filter: compiled(defaultCapabilities),
});

/** The same of other containers: by the capabilities that count, as text, of those that lack one or have one more. */
export function compileOthers(): Record<string, Compiled> {
  const own = defaultCapabilities.filter((name) => relevant.includes(name));
  const sets = [[], relevant, ...relevant.filter((name) => !own.includes(name)).map((name) => [...own, name])];
  return Object.fromEntries(sets.map((set) => [[...set].sort().join(), compiled(set)]));
}
