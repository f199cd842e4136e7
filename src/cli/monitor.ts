/** `tinydocker monitor`: what this program says to itself when a container is to outlive a command (engine/monitor.ts). */

import { monitor } from "../engine/monitor.ts";
import { needsRoot } from "../engine/run.ts";
import { pathsOf } from "../paths.ts";
import { defineCommand } from "./command.ts";
import { warn } from "./print.ts";

export default defineCommand({
  meta: { name: "monitor", description: "Look after one container", hidden: true },
  args: {
    container: { type: "positional", required: true, description: "Its id" },
    attached: { type: "boolean", description: "Who launched it sees its output" },
    stdin: { type: "boolean", description: "And writes to it" },
    "stderr-apart": { type: "boolean", description: "Its stderr is no terminal" },
    "shared-network": { type: "boolean", description: "Its network is the host's, or another container's" },
    again: { type: "boolean", description: "Nobody launched it: it starts again" },
  },
  examples: [],
  run: ({ container, attached = false, stdin = false, again, ...args }, { root, birth }) => {
    if (!birth) throw needsRoot();
    return monitor(
      pathsOf(root),
      container,
      birth,
      again ? undefined : { attached, stdin, stderrApart: args["stderr-apart"] ?? false },
      warn,
    );
  },
});
