/** `tinydocker unpause`: the processes of a paused container go on. */

import { unpauseContainer } from "../../engine/container/pause.ts";
import { containerOperand, forEachContainer } from "../container/for-each.ts";
import { defineCommand } from "../words/command.ts";
import { printLine } from "../words/print.ts";

export default defineCommand({
  meta: { name: "unpause", group: "Run", description: "Resume paused containers" },
  args: { container: containerOperand },
  examples: ["tinydocker unpause web"],
  run: ({ container }, { root }) =>
    forEachContainer(root, container, (paths, found, reference) => {
      unpauseContainer(paths, found);
      printLine(reference);
    }),
});
