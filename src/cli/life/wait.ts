/** `tinydocker wait`: until containers are down, or something else is so of them; prints their exit codes. */

import { type Condition, conditions, waiting } from "../../engine/container/wait.ts";
import { UsageError } from "../../errors.ts";
import { forAllContainers, selectionArgs } from "../container/for-each.ts";
import { defineCommand } from "../words/command.ts";

const { container, latest, ignore } = selectionArgs;

export default defineCommand({
  meta: { name: "wait", group: "Run", description: "Wait for containers to exit and print their exit codes" },
  args: {
    container,
    condition: {
      type: "string",
      multiple: true,
      valueHint: "what",
      description: `${conditions.join(", ")} (not-running)`,
    },
    latest,
    ignore,
  },
  examples: ["tinydocker wait job", "tinydocker wait --condition healthy db"],
  run: ({ condition, ...selection }, { root }) => {
    const wanted = condition.flatMap((text) => text.split(",")).map(parseCondition);
    return forAllContainers(root, selection, function* (paths, found) {
      return String(yield* waiting(paths, found, wanted));
    });
  },
});

function parseCondition(text: string): Condition {
  const condition = conditions.find((known) => known === text);
  if (!condition)
    throw new UsageError(`--condition: ${JSON.stringify(text)} is not a condition`, `one of ${conditions.join(", ")}`);
  return condition;
}
