/** The way into a user namespace, as records. */

import { names } from "../../linux/program/record.ts";
import type { MappedInitStep } from "../userns/step.ts";
import { type Context, given } from "./context.ts";
import { bindToParent, rlimit } from "./identity.ts";

type Of<Kind> = Extract<MappedInitStep, { do: Kind }>;

/** Those of a program come last, when nothing is to be limited by them any more; what only the host's root may give is given first. */
export function raiseLimits(context: Context, { rlimits }: Of<"raise-limits">): void {
  for (const one of rlimits) rlimit(context, { do: "rlimit", rlimit: one });
}

export function enterUserNamespace({ writer }: Context): void {
  writer.about("the user namespace");
  writer.call("setns", [given.user, names("CLONE_NEWUSER")]);
}

/** Its ids are none in its namespace until then. Whoever changes them may be traced, and outlives its parent: both is taken back. */
export function namespaceRoot(context: Context): void {
  const { writer } = context;
  writer.call("setgroups", [0, 0]);
  writer.call("setresgid", [0, 0, 0]);
  writer.call("setresuid", [0, 0, 0]);
  bindToParent(context);
}
