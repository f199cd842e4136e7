/** `tinydocker pause`: every process of a container stands still. */

import { pauseContainer } from "../../engine/container/pause.ts";
import { defineCommand } from "../words/command.ts";
import { printLine } from "../words/print.ts";
import { containerOperand, forEachContainer } from "./for-each.ts";

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
