/** A plan as the phases of a run, in the order they are performed; with the system calls of each step where they are asked for. */

import { cloneProgram } from "../../linux/program/clone-program.ts";
import { describeRecord } from "../../linux/program/text.ts";
import { machineOf } from "../../linux/seccomp/architectures.ts";
import type { BundlePlan } from "../../plan/bundle/bundle.ts";
import type { SeccompStep } from "../../plan/init-step.ts";
import { compileInit } from "../../plan/program/compile.ts";
import { summarize } from "../../plan/seccomp/summary.ts";
import type { CloneStep, Plan, Step } from "../../plan/step.ts";
import { compileOptions } from "../../runtime/given.ts";

export interface Phase {
  title: string;
  by: "host" | "inhabitant" | "init";
  steps: Step[];
  /** The system calls of a step, where they were asked for. */
  calls: Map<Step, string[]>;
}

/** A plan of a run, or of a bundle, which has less of its own. */
export type Explained = BundlePlan & Partial<Plan>;

/** The plan's lists under the names they have in a run, in the order they are performed. @param full with system calls. */
export function phasesOf(plan: Explained, full: boolean): Phase[] {
  const { through, ...clone } = plan.clone;
  // Who makes the first process of a container with a user namespace is in no new pid namespace.
  const first: CloneStep = through ? { ...clone, flags: [] } : clone;
  const enter: Step[] = through ? [...through, { do: "clone-sibling", flags: clone.flags }] : [];
  const lists: Omit<Phase, "calls">[] = [
    { title: "reserve", by: "host", steps: plan.reserve ?? [] },
    { title: "prepare", by: "host", steps: plan.prepare ?? [] },
    { title: "build", by: "host", steps: plan.build },
    { title: "clone", by: "host", steps: [first] },
    ...(through ? [{ title: "enter", by: "inhabitant", steps: enter } as const] : []),
    { title: "set up", by: "init", steps: plan.setup },
    { title: "record", by: "host", steps: plan.record ?? [] },
    { title: "connect", by: "host", steps: plan.connect ?? [] },
    { title: "release", by: "host", steps: plan.release },
    { title: "start", by: "init", steps: plan.start },
  ];
  const calls = full ? callsOf(plan, first, enter) : new Map();
  return lists.map((phase) => ({ ...phase, calls }));
}

/** What the processes make of each step, numbered through; where to go on is said by these numbers. */
function callsOf({ clone, setup, start }: Explained, first: CloneStep, enter: Step[]): Map<Step, string[]> {
  const steps = [...enter, ...setup, ...start];
  const { records } = compileInit([...setup, ...start], compileOptions(), clone);
  const calls = new Map<Step, string[]>();
  const add = (step: Step, line: string) => calls.set(step, [...(calls.get(step) ?? []), line]);
  records.forEach((record, index) => {
    // The first step of the program is what is done on a failure.
    const step = steps[record.step - 1];
    if (step) add(step, `${String(index).padStart(4)}  ${describeRecord(record)}`);
  });
  const filter = start.find((step) => step.do === "seccomp");
  if (filter) for (const line of filterLines(filter)) add(filter, line);
  const own = cloneProgram(
    first.flags.map((flag) => `CLONE_${flag}` as const),
    { cgroup: first.cgroup !== undefined, rseq: true },
  );
  own.records.forEach((record, index) => {
    add(first, `${String(index).padStart(4)}  ${describeRecord(record)}`);
  });
  return calls;
}

/** Which calls a filter is about, for `--full`. */
function filterLines(step: SeccompStep): string[] {
  const { allowed, conditional, refused } = summarize(step, machine);
  const lists = { "allowed always": allowed, "allowed or refused by their arguments": conditional, ...refused };
  return Object.entries(lists).map(([title, names]) => `${title}: ${names.join(" ")}`);
}

const machine = machineOf(process.arch);
