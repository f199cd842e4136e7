/** `tinydocker wait`: until containers are down; prints their exit codes. */

import { waitForContainer } from "../engine/stop.ts";
import { defineCommand } from "./command.ts";
import { containerOperand, forEachContainer } from "./containers.ts";
import { printLine } from "./print.ts";

export default defineCommand({
  meta: { name: "wait", description: "Wait until containers end, and print their exit codes" },
  args: { container: containerOperand },
  examples: ["tinydocker wait job"],
  run: ({ container }, { root }) =>
    forEachContainer(root, container, (paths, found) => printLine(String(waitForContainer(paths, found.record.id)))),
});
