/** Filters of system calls, as records: what they are made of is in plan/seccomp. */

import { Block, names } from "../../linux/program/record.ts";
import { words } from "../../linux/program/writer.ts";
import type { Machine } from "../../linux/seccomp/architectures.ts";
import type { SeccompStep } from "../init-step.ts";
import { builtinFilter } from "../seccomp/compiled.ts";
import type { Context, Filter } from "./context.ts";

/** sizeof(struct sock_filter). */
const instructionBytes = 8;

const machine: Machine = process.arch === "arm64" ? "AARCH64" : "X86_64";

/** The last that happens before the program; a small init lets it happen to the program first. */
export function seccomp(context: Context, step: SeccompStep): void {
  const { rules, capabilities } = step;
  const bytes = "profile" in rules ? builtinFilter(capabilities, machine) : compile().compileFilter(rules, machine);
  const filter: Filter = {
    program: words("sock_fprog", { len: bytes.length / instructionBytes, filter: new Block("sock_filter", { bytes }) }),
    flags: names(...("profile" in rules ? [] : (rules.flags ?? []))),
  };
  if (step.reap) context.filter = filter;
  else load(context, filter);
}

export function load({ writer }: Context, { program, flags }: Filter): void {
  writer.about("a filter of system calls");
  writer.call("seccomp", [names("SECCOMP_SET_MODE_FILTER"), flags, program]);
}

/** Loaded for those who have rules of their own. */
const compile = () => require("../seccomp/filter.ts") as typeof import("../seccomp/filter.ts");
