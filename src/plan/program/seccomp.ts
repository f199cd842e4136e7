/** Filters of system calls, as records: what they are made of is in plan/seccomp. */

import { names } from "../../linux/program/record.ts";
import type { Machine } from "../../linux/seccomp/architectures.ts";
import type { SeccompStep } from "../init-step.ts";
import { builtinFilter } from "../seccomp/compiled.ts";
import type { Context, Filter } from "./context.ts";
import { filterOf } from "./filter.ts";

const machine: Machine = process.arch === "arm64" ? "AARCH64" : "X86_64";

/** The last that happens before the program; a small init lets it happen to the program first. */
export function seccomp(context: Context, step: SeccompStep): void {
  const filter = filterFor(step);
  if (step.reap) context.filter = filter;
  else load(context, filter);
}

function filterFor({ rules, capabilities, listener, reap }: SeccompStep): Filter {
  if ("profile" in rules) return filterOf(builtinFilter(capabilities, machine), []);
  if (listener) return reporting().reportingFilter(rules, reap ?? false, machine);
  return filterOf(compile().compileFilter(rules, machine), rules.flags ?? []);
}

export function load(context: Context, filter: Filter): void {
  if (filter.reported) reporting().loadReporting(context, filter);
  else loadPlain(context, filter);
}

function loadPlain({ writer }: Context, { program, flags }: Filter): void {
  writer.about("a filter of system calls");
  writer.call("seccomp", [names("SECCOMP_SET_MODE_FILTER"), flags, program]);
}

/** Loaded for those who have rules of their own. */
const compile = () => require("../seccomp/filter.ts") as typeof import("../seccomp/filter.ts");

/** Loaded for those of whose calls somebody hears. */
const reporting = () => require("./reporting.ts") as typeof import("./reporting.ts");
