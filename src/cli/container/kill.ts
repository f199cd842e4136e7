/** `tinydocker kill`: a signal to the first process of containers. */

import { parseSignal } from "../../engine/container/signals.ts";
import { signalContainer } from "../../engine/container/stop.ts";
import { defineCommand } from "../words/command.ts";
import { printLine } from "../words/print.ts";
import { containerOperand, forEachContainer } from "./for-each.ts";

export default defineCommand({
  meta: { name: "kill", group: "Run", description: "Send a signal to running containers" },
  args: {
    container: containerOperand,
    signal: { type: "string", alias: "s", default: "KILL", valueHint: "signal", description: "Signal to send (KILL)" },
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
