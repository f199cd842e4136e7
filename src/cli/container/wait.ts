/** `tinydocker wait`: until containers are down; prints their exit codes. */

import { waitForContainer } from "../../engine/container/stop.ts";
import { defineCommand } from "../words/command.ts";
import { printLine } from "../words/print.ts";
import { containerOperand, forEachContainer } from "./for-each.ts";

export default defineCommand({
  meta: { name: "wait", group: "Run", description: "Wait for containers to exit and print their exit codes" },
  args: { container: containerOperand },
  examples: ["tinydocker wait job"],
  run: ({ container }, { root }) =>
    forEachContainer(root, container, (paths, found) => printLine(String(waitForContainer(paths, found.record.id)))),
});
