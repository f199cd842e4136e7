/** `tinydocker update`: other limits and another restart policy, also while a container runs. */

import { needsRoot } from "../engine/run.ts";
import { updateContainer } from "../engine/update.ts";
import { UsageError } from "../errors.ts";
import { defineCommand } from "./command.ts";
import { containerOperand, forEachContainer } from "./containers.ts";
import { parseRestart } from "./lifecycle.ts";
import { printLine } from "./print.ts";
import { createArgs } from "./run.ts";
import { parseCpus, parseMemory, parsePidsLimit } from "./units.ts";

export default defineCommand({
  meta: { name: "update", description: "Change the limits of containers, also while they run" },
  args: {
    container: containerOperand,
    cpus: createArgs.cpus,
    memory: createArgs.memory,
    "pids-limit": createArgs["pids-limit"],
    restart: createArgs.restart,
  },
  examples: ["tinydocker update -m 1g --cpus 2 web", "tinydocker update --restart unless-stopped web"],
  run: ({ container, cpus, memory, restart, ...args }, { root }) => {
    if (process.geteuid?.() !== 0) throw needsRoot();
    const pids = args["pids-limit"];
    if ([cpus, memory, pids, restart].every((value) => value === undefined))
      throw new UsageError("nothing to change", "--cpus, --memory, --pids-limit or --restart");
    const update = {
      limits: {
        ...(cpus !== undefined && { cpus: parseCpus(cpus) }),
        ...(memory !== undefined && { memoryBytes: parseMemory(memory) }),
        ...(pids !== undefined && { pidsLimit: parsePidsLimit(pids) }),
      },
      ...(restart !== undefined && { restart: parseRestart(restart) }),
    };
    return forEachContainer(root, container, (paths, found, reference) => {
      updateContainer(paths, found, update);
      printLine(reference);
    });
  },
});
