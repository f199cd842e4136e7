/** `tinydocker explain run ...`: the plan of a run, printed step by step; nothing is run and root is not needed. */

import { explainRun } from "../../engine/inspect/explain.ts";
import { UsageError } from "../../errors.ts";
import { pathsOf } from "../../paths.ts";
import runCommand, { runRequest } from "../container/run.ts";
import { parseCommand } from "../words/argv.ts";
import { defineCommand } from "../words/command.ts";
import { printLine, warn } from "../words/print.ts";
import { callsOf, phasesOf } from "./phases.ts";
import { documented, printPhases } from "./print.ts";

export default defineCommand({
  meta: {
    name: "explain",
    group: "Inspect",
    description: "Print each step of a `run` without running it",
    usage: ["[OPTIONS] run [RUN OPTIONS] IMAGE [COMMAND [ARG...]]"],
  },
  args: {
    json: { type: "boolean", description: "Print JSON" },
    full: { type: "boolean", description: "List the system calls of each step of the container's process" },
    command: {
      type: "positional",
      multiple: true,
      required: true,
      description: "The run command, with its options and arguments",
    },
  },
  optionsFirst: true,
  examples: ["tinydocker explain run -m 64 busybox.tar -- sh", "tinydocker explain --json run busybox.tar -- sh"],
  run: async ({ json, full, command: [name, ...words] }, global) => {
    if (name !== "run")
      throw new UsageError(`explain supports only run, not ${JSON.stringify(name)}`, "tinydocker explain run ...");
    // `explain run --json IMAGE` is what one types, too.
    const asked = new Set<string>();
    while (words[0] === "--json" || words[0] === "--full") asked.add(words.shift()!);
    const args = parseCommand(runCommand, words);
    const plan = await explainRun(pathsOf(global.root), runRequest(args as never), warn);
    const phases = phasesOf(plan, full || asked.has("--full") ? callsOf(plan) : new Map());
    if (json || asked.has("--json"))
      printLine(JSON.stringify({ id: plan.id, warnings: plan.warnings, phases: documented(phases) }, null, 2));
    else printPhases(plan, phases);
    return 0;
  },
});
