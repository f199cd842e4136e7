/** `tinydocker rm`: forgets containers that have ended. */

import { recoverIfAllowed, removeContainer } from "../engine/container.ts";
import { pathsOf } from "../paths.ts";
import { defineCommand } from "./command.ts";
import { printLine } from "./print.ts";

export default defineCommand({
  meta: { name: "rm", description: "Remove containers that have ended" },
  args: {
    container: { type: "positional", multiple: true, required: true, description: "Names or unique id prefixes" },
  },
  examples: ["tinydocker rm my-container"],
  run: ({ container }, global) => {
    const paths = pathsOf(global.root);
    recoverIfAllowed(paths);
    for (const reference of container) {
      removeContainer(paths, reference);
      printLine(reference);
    }
    return 0;
  },
});
