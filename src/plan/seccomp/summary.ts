/** What a filter allows and refuses, for people. Pure. */

import { errnos } from "../../linux/errno.ts";
import { type Machine, numbersOf } from "../../linux/seccomp/architectures.ts";
import { answerOf, answers, decode } from "../../linux/seccomp/bpf.ts";
import type { SeccompStep } from "../init-step.ts";
import { builtinRules } from "./at-run.ts";
import { type Decision, decide } from "./decide.ts";
import { compileFilter } from "./filter.ts";

/** Names of calls by what they get, of the machine's own architecture. */
export interface FilterSummary {
  instructions: number;
  allowed: string[];
  /** What they get depends on their arguments. */
  conditional: string[];
  /** By the answer: `EPERM`, `ENOSYS`, `killProcess`. */
  refused: Record<string, string[]>;
}

export function summarize({ rules, capabilities }: SeccompStep, machine: Machine): FilterSummary {
  const seccomp = "profile" in rules ? builtinRules(capabilities, machine) : rules;
  const [ranges] = decide(seccomp, machine).values();
  const summary: FilterSummary = {
    instructions: decode(compileFilter(seccomp, machine)).length,
    allowed: [],
    conditional: [],
    refused: {},
  };
  for (const [name, number] of [...numbersOf(machine)].sort()) {
    const { decision } = ranges!.findLast(({ from }) => from <= number)!;
    if (decision.alternatives.length > 0) summary.conditional.push(name);
    else if (decision.otherwise === answers.allow) summary.allowed.push(name);
    else {
      const answer = nameOf(decision);
      summary.refused[answer] = [...(summary.refused[answer] ?? []), name];
    }
  }
  return summary;
}

function nameOf({ otherwise }: Decision): string {
  const answer = answerOf(otherwise);
  if (answer !== "errno") return answer;
  const number = otherwise & 0xffff;
  return Object.entries(errnos).find(([, one]) => one === number)?.[0] ?? `errno ${number}`;
}
