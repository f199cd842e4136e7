/** `tinydocker restart`: stop, and start again. */

import { restartContainer } from "../../engine/container/restart.ts";
import { close } from "../../linux/file.ts";
import { defineCommand } from "../words/command.ts";
import { printLine, warn } from "../words/print.ts";
import { forEachContainer } from "./for-each.ts";
import { stopArgs, stopOptions } from "./stop.ts";

export default defineCommand({
  meta: { name: "restart", group: "Run", description: "Restart containers" },
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
