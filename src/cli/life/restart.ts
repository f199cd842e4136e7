/** `tinydocker restart`: stop, and start again. */

import { restarting } from "../../engine/container/restart.ts";
import { close } from "../../linux/file.ts";
import { watchTrees } from "../../linux/tree/watch.ts";
import { forAllContainers } from "../container/for-each.ts";
import { defineCommand } from "../words/command.ts";
import { warn } from "../words/print.ts";
import { showStart } from "../words/progress.ts";
import { stopArgs, stopOptions } from "./stop.ts";

export default defineCommand({
  meta: { name: "restart", group: "Run", description: "Restart containers" },
  args: stopArgs,
  examples: ["tinydocker restart web"],
  run: (args, { root }) => {
    const options = stopOptions(args);
    watchTrees(showStart);
    return forAllContainers(root, args, function* (paths, found, reference) {
      yield* restarting(paths, found, options, close, warn);
      return reference;
    });
  },
});
