/** `tinydocker stop`: the stop signal, some patience, then SIGKILL. */

import { parseSignal } from "../../engine/container/signals.ts";
import { stopContainer } from "../../engine/container/stop.ts";
import type { Container } from "../../engine/record/container.ts";
import type { Paths } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { printLine, warn } from "../words/print.ts";
import { containerOperand, forEachContainer } from "./for-each.ts";
import { parseSeconds } from "./lifecycle.ts";

/** The options of `stop`, which `restart` has too. */
export const stopArgs = {
  container: containerOperand,
  time: {
    type: "string",
    alias: "t",
    valueHint: "seconds",
    description: "Seconds to wait before SIGKILL (10); -1 waits for ever",
  },
  timeout: { type: "string", valueHint: "seconds", description: "Same as --time" },
  signal: {
    type: "string",
    alias: "s",
    valueHint: "signal",
    description: "Signal to send instead of the container's stop signal",
  },
  "kill-ignored": { type: "boolean", description: "Kill at once what would ignore the signal" },
} as const;

/** What they mean to the engine. */
export function stopOptions(args: {
  time: string | undefined;
  timeout: string | undefined;
  signal: string | undefined;
  "kill-ignored": boolean | undefined;
}) {
  const time = args.time ?? args.timeout;
  return {
    ...(time !== undefined && { timeoutS: parseSeconds("--time", time) }),
    ...(args.signal !== undefined && { signal: parseSignal(args.signal) }),
    killIfIgnored: args["kill-ignored"] ?? false,
    warn,
  };
}

export default defineCommand({
  meta: { name: "stop", group: "Run", description: "Stop running containers" },
  args: stopArgs,
  examples: ["tinydocker stop web", "tinydocker stop -t 2 web db"],
  run: ({ container, ...args }, { root }) => {
    const options = stopOptions(args);
    const stop = (paths: Paths, found: Container, reference: string) => {
      stopContainer(paths, found, options);
      printLine(reference);
    };
    return forEachContainer(root, container, stop, { damaged: true });
  },
});
