/** `tinydocker restart`: stop, and start again. */

import { restartContainer } from "../engine/restart.ts";
import { close } from "../linux/file.ts";
import { defineCommand } from "./command.ts";
import { forEachContainer } from "./containers.ts";
import { printLine, warn } from "./print.ts";
import { stopArgs, stopOptions } from "./stop.ts";

export default defineCommand({
  meta: { name: "restart", description: "Stop containers and start them again" },
  args: stopArgs,
  examples: ["tinydocker restart web"],
  run: ({ container, ...args }, { root }) => {
    const options = stopOptions(args);
    return forEachContainer(root, container, (paths, found, reference) => {
      restartContainer(paths, found, options, close, warn);
      printLine(reference);
    });
  },
});
