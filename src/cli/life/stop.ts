/** `tinydocker stop`: the stop signal, some patience, then SIGKILL. */

import { stopping } from "../../engine/container/stop.ts";
import { type Container, isUp } from "../../engine/record/container.ts";
import { parseSignal } from "../../linux/signal-name.ts";
import type { Paths } from "../../paths.ts";
import { forAllContainers, selectionArgs } from "../container/for-each.ts";
import { parseSeconds } from "../container/lifecycle.ts";
import { defineCommand } from "../words/command.ts";
import { warn } from "../words/print.ts";

/** The options of `stop`, which `restart` has too. */
export const stopArgs = {
  ...selectionArgs,
  time: {
    type: "string",
    alias: "t",
    valueHint: "seconds",
    empty: "checked",
    description: "Seconds to wait before SIGKILL (10); -1 waits for ever",
  },
  timeout: { type: "string", valueHint: "seconds", empty: "checked", description: "Same as --time" },
  signal: {
    type: "string",
    alias: "s",
    valueHint: "signal",
    description: "Signal to send instead of the container's stop signal",
  },
  "kill-ignored": { type: "boolean", description: "Kill at once what would ignore the signal" },
} as const;

/** Seconds, if there is something to read. */
export const stopTimeOf = (option: string, text: string | undefined): number | undefined =>
  text === undefined ? undefined : parseSeconds(option, text);

/** What they mean to the engine. */
export function stopOptions(args: {
  time: string | undefined;
  timeout: string | undefined;
  signal: string | undefined;
  "kill-ignored": boolean | undefined;
}) {
  const timeoutS = stopTimeOf("--time", args.time ?? args.timeout);
  return {
    ...(timeoutS !== undefined && { timeoutS }),
    ...(args.signal !== undefined && { signal: parseSignal(args.signal, "--signal") }),
    killIfIgnored: args["kill-ignored"] ?? false,
    warn,
  };
}

export default defineCommand({
  meta: { name: "stop", group: "Run", description: "Stop running containers" },
  args: stopArgs,
  examples: ["tinydocker stop web", "tinydocker stop -t 2 web db", "tinydocker stop --all"],
  run: (args, { root }) => {
    const options = stopOptions(args);
    const stop = function* (paths: Paths, found: Container, reference: string) {
      yield* stopping(paths, found, options);
      return reference;
    };
    return forAllContainers(root, args, stop, { damaged: true, among: mayBeStopped });
  },
});

/** What `--all` means. */
const mayBeStopped = (container: Container): boolean => isUp(container) || container.status === "restarting";
