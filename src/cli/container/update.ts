/** `tinydocker update`: other limits and another restart policy, also while a container runs. */

import { updateContainer } from "../../engine/container/update.ts";
import { makingContainers, requireRoot } from "../../engine/record/root.ts";
import { UsageError } from "../../errors.ts";
import { resourceArgs, updatableArgs } from "../resource/args.ts";
import { parseRule } from "../resource/device.ts";
import { parseUpdatable } from "../resource/resources.ts";
import { type Arguments, defineCommand } from "../words/command.ts";
import { printLine } from "../words/print.ts";
import { parsePidsLimit } from "../words/units.ts";
import { containerOperand, forEachContainer } from "./for-each.ts";
import { parseRestart } from "./lifecycle.ts";
import { refusedLimitArgs } from "./process-args.ts";
import { createArgs } from "./run-args.ts";
import { readLimits } from "./run-options.ts";

/** What is not said stays as it is. */
function withoutDefaults<Args extends Arguments>(definitions: Args): Args {
  const entries = Object.entries(definitions).map(([name, argument]) => {
    const description = argument.description.replace(/ \([^()]*\)$/, "");
    return [name, { ...argument, description }];
  });
  return Object.fromEntries(entries) as Args;
}

export default defineCommand({
  meta: { name: "update", group: "Run", description: "Change the limits of containers, running or not" },
  args: {
    container: containerOperand,
    ...withoutDefaults({
      cpus: createArgs.cpus,
      memory: createArgs.memory,
      "pids-limit": createArgs["pids-limit"],
      ...updatableArgs,
    }),
    "device-cgroup-rule": { ...resourceArgs["device-cgroup-rule"], description: "Add a rule to the device filter" },
    restart: createArgs.restart,
    ...refusedLimitArgs,
  },
  examples: ["tinydocker update -m 1g --cpus 2 web", "tinydocker update --restart unless-stopped web"],
  run: ({ container, cpus, memory, restart, ...args }, { root }) => {
    requireRoot(makingContainers);
    const pids = args["pids-limit"];
    const limits = {
      ...readLimits({ cpus, memory }),
      ...(pids !== undefined && { pidsLimit: parsePidsLimit(pids) }),
    };
    const resources = parseUpdatable(args, limits);
    const deviceRules = args["device-cgroup-rule"].map(parseRule);
    if (Object.keys({ ...limits, ...resources, ...deviceRules }).length === 0 && restart === undefined)
      throw new UsageError("nothing to change", "--cpus, --memory, --pids-limit, --restart: see --help");
    const update = {
      limits,
      resources,
      ...(deviceRules.length > 0 && { deviceRules }),
      ...(restart !== undefined && { restart: parseRestart(restart) }),
    };
    return forEachContainer(root, container, (paths, found, reference) => {
      updateContainer(paths, found, update);
      printLine(reference);
    });
  },
});
