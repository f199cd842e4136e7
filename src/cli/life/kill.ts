/** `tinydocker kill`: a signal to the first process of containers. */

import { signalling } from "../../engine/container/stop.ts";
import { isUp } from "../../engine/record/container.ts";
import { parseSignal } from "../../linux/signal-name.ts";
import { forAllContainers, selectionArgs } from "../container/for-each.ts";
import { defineCommand } from "../words/command.ts";

export default defineCommand({
  meta: { name: "kill", group: "Run", description: "Send a signal to running containers" },
  args: {
    ...selectionArgs,
    signal: { type: "string", alias: "s", default: "KILL", valueHint: "signal", description: "Signal to send (KILL)" },
  },
  examples: ["tinydocker kill web", "tinydocker kill -s HUP web"],
  run: ({ signal, ...selection }, { root }) => {
    const number = parseSignal(signal, "--signal");
    return forAllContainers(
      root,
      selection,
      function* (paths, found, reference) {
        yield* signalling(paths, found, number);
        return reference;
      },
      { among: isUp },
    );
  },
});
