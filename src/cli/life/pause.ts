/** `tinydocker pause`: every process of a container stands still. */

import { pauseContainer } from "../../engine/container/pause.ts";
import { containerOperand, forEachContainer } from "../container/for-each.ts";
import { defineCommand } from "../words/command.ts";
import { printLine } from "../words/print.ts";

export default defineCommand({
  meta: { name: "pause", group: "Run", description: "Pause all processes of containers" },
  args: { container: containerOperand },
  examples: ["tinydocker pause web"],
  run: ({ container }, { root }) =>
    forEachContainer(root, container, (paths, found, reference) => {
      pauseContainer(paths, found);
      printLine(reference);
    }),
});
