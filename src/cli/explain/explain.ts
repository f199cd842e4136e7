/** `tinydocker explain run ...`: the plan of a run, or of a bundle, printed step by step; nothing is run and root is not needed. */

import { explainRun } from "../../engine/inspect/explain.ts";
import { UsageError } from "../../errors.ts";
import { pathsOf } from "../../paths.ts";
import runCommand, { runRequest } from "../container/run.ts";
import { parseCommand } from "../words/argv.ts";
import { defineCommand } from "../words/command.ts";
import { printLine, warn } from "../words/print.ts";
import { type Explained, phasesOf } from "./phases.ts";
import { documented, printPhases } from "./print.ts";

export default defineCommand({
  meta: {
    name: "explain",
    group: "Inspect",
    description: "Print each step of a `run` or `pull` without doing it",
    usage: [
      "[OPTIONS] run [RUN OPTIONS] IMAGE [COMMAND [ARG...]]",
      "[OPTIONS] pull [PULL OPTIONS] NAME",
      "[OPTIONS] --bundle DIR",
    ],
  },
  args: {
    json: { type: "boolean", description: "Print JSON" },
    full: { type: "boolean", description: "List the system calls of each step of the container's process" },
    bundle: {
      type: "string",
      alias: "b",
      valueHint: "DIR",
      description: "Explain what the OCI runtime does with this bundle",
    },
    command: {
      type: "positional",
      multiple: true,
      description: "The run or pull command, with its options and arguments",
    },
  },
  optionsFirst: true,
  examples: [
    "tinydocker explain run -m 64 busybox.tar -- sh",
    "tinydocker explain --json run busybox.tar -- sh",
    "tinydocker explain --full --bundle ./bundle",
    "tinydocker explain pull alpine",
  ],
  run: async ({ json, full, bundle, command: [name, ...words] }, global) => {
    const how = { json: json === true, full: full === true };
    if (bundle !== undefined) {
      if (name !== undefined) throw new UsageError("--bundle is explained alone, without a command");
      const { planOfBundle } = await import("./bundle.ts");
      explain(`the bundle ${bundle}`, planOfBundle(bundle), how);
      return 0;
    }
    if (name === undefined)
      throw new UsageError("there is nothing to explain", "tinydocker explain run ..., or --bundle DIR");
    if (name !== "run" && name !== "pull")
      throw new UsageError(`explain supports run and pull, not ${JSON.stringify(name)}`, "tinydocker explain run ...");
    // `explain run --json IMAGE` is what one types, too.
    for (; words[0] === "--json" || words[0] === "--full"; words.shift())
      how[words[0] === "--json" ? "json" : "full"] = true;
    if (name === "pull") {
      if (how.full) throw new UsageError("--full is about the system calls of a run");
      (await import("./pull.ts")).printPull(words, how.json);
      return 0;
    }
    const args = parseCommand(runCommand, words);
    const plan = await explainRun(pathsOf(global.root), runRequest(args as never), warn);
    explain(`container ${plan.id.slice(0, 12)}`, plan, how);
    return 0;
  },
});

function explain(subject: string, plan: Explained, { json, full }: { json: boolean; full: boolean }): void {
  const phases = phasesOf(plan, full);
  const { id, warnings } = plan;
  const asJson = () => ({ ...(id !== undefined && { id }), warnings, phases: documented(phases) });
  if (json) printLine(JSON.stringify(asJson(), null, 2));
  else printPhases(subject, plan, phases);
}
