/** `tinydocker unpause`: the processes of a paused container go on. */

import { unpauseContainer } from "../engine/stop.ts";
import { defineCommand } from "./command.ts";
import { containerOperand, forEachContainer } from "./containers.ts";
import { printLine } from "./print.ts";

export default defineCommand({
  meta: { name: "unpause", description: "Let paused containers go on" },
  args: { container: containerOperand },
  examples: ["tinydocker unpause web"],
  run: ({ container }, { root }) =>
    forEachContainer(root, container, (paths, found, reference) => {
      unpauseContainer(paths, found);
      printLine(reference);
    }),
});
