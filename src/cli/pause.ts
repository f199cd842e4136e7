/** `tinydocker pause`: every process of a container stands still. */

import { pauseContainer } from "../engine/stop.ts";
import { defineCommand } from "./command.ts";
import { containerOperand, forEachContainer } from "./containers.ts";
import { printLine } from "./print.ts";

export default defineCommand({
  meta: { name: "pause", description: "Freeze all processes of containers" },
  args: { container: containerOperand },
  examples: ["tinydocker pause web"],
  run: ({ container }, { root }) =>
    forEachContainer(root, container, (paths, found, reference) => {
      pauseContainer(paths, found);
      printLine(reference);
    }),
});
