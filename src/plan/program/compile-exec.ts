/** From the steps of an `exec` to the program of its two processes: one enters the container, the other becomes the program. */

import { Frame, names, type Program, type Slot } from "../../linux/program/record.ts";
import type { ExecPlan } from "../exec.ts";
import type { InitStep } from "../init-step.ts";
import { begin, compileSteps, sibling } from "./compile.ts";
import { type CompileOptions, given } from "./context.ts";

/**
 * The program of another process in a container. The intermediate process gives up what it has, enters the namespaces
 * and clones the second as its sibling: so the second never has anything of ours, whoever looks into it from inside.
 * @param steps what the second one does. @param more what it inherits.
 */
export function compileExec(
  steps: readonly InitStep[],
  options: CompileOptions,
  more: Pick<ExecPlan, Inherited> = {},
): Program & { pid: Slot } {
  const { context, writer } = begin(options);
  const entry = writer.label();
  const first = intermediateSteps(more);
  // Root of a user namespace may not look into a small init, which nobody has executed: so before we are only that.
  const entering = first.findIndex((step) => step.do === "enter");
  compileSteps(context, first.slice(0, entering));
  writer.step("enter-pid", "the pid namespace");
  writer.call("setns", [given.pidfd, names("CLONE_NEWPID")]);
  compileSteps(context, first.slice(entering));
  const pid = sibling(context);
  compileSteps(context, steps);
  return { ...writer.program(entry, new Frame(context.fail)), pid };
}

/** What the second process of an `exec` has of the first. */
type Inherited = "oomScoreAdj" | "affinity" | "labels" | "time" | "raised";

/** What the intermediate process of an `exec` does before it enters. */
const intermediateSteps = ({
  oomScoreAdj,
  affinity,
  labels = [],
  time,
  raised,
}: Pick<ExecPlan, Inherited>): InitStep[] => [
  { do: "own-memory" },
  { do: "close-inherited" },
  { do: "bind-to-parent" },
  { do: "exe-file" },
  // While /proc is the host's.
  { do: "reset-attributes", ...(oomScoreAdj !== undefined && { oomScoreAdj }) },
  ...labels,
  ...(affinity?.initial ? [{ do: "affinity", cpus: affinity.initial } as const] : []),
  // Before it is seen inside: /proc/PID/root and cwd would lead to the host's.
  ...(raised ?? []),
  {
    do: "enter",
    namespaces: [
      ...(raised ? (["NEWUSER"] as const) : []),
      ...(["NEWIPC", "NEWUTS", "NEWNET", "NEWCGROUP"] as const),
      ...(time ? (["NEWTIME"] as const) : []),
      "NEWNS",
    ],
  },
  ...(raised ? [{ do: "namespace-root" } as const] : []),
  ...(affinity ? [{ do: "affinity", ...(affinity.final && { cpus: affinity.final }) } as const] : []),
];
