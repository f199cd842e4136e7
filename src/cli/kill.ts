/** `tinydocker kill`: a signal to the first process of containers. */

import { parseSignal } from "../engine/signals.ts";
import { signalContainer } from "../engine/stop.ts";
import { defineCommand } from "./command.ts";
import { containerOperand, forEachContainer } from "./containers.ts";
import { printLine } from "./print.ts";

export default defineCommand({
  meta: { name: "kill", description: "Send a signal to running containers" },
  args: {
    container: containerOperand,
    signal: { type: "string", alias: "s", default: "KILL", valueHint: "signal", description: "The signal (KILL)" },
  },
  examples: ["tinydocker kill web", "tinydocker kill -s HUP web"],
  run: ({ container, signal }, { root }) => {
    const number = parseSignal(signal);
    return forEachContainer(root, container, (paths, found, reference) => {
      signalContainer(paths, found, number);
      printLine(reference);
    });
  },
});
