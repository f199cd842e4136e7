/** `tinydocker volume rm`: removes volumes that no container uses. */

import { recoverIfAllowed } from "../../engine/container/recover.ts";
import { requireRoot } from "../../engine/record/root.ts";
import { removeVolume } from "../../engine/volume/remove.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { forEachName } from "../words/for-each.ts";
import { printLine } from "../words/print.ts";
import { showRemovals } from "../words/progress.ts";

export default defineCommand({
  meta: { name: "volume rm", description: "Remove volumes and their contents" },
  args: {
    volume: { type: "positional", multiple: true, required: true, description: "Volume names" },
    force: { type: "boolean", alias: "f", description: "Ignore names that do not exist" },
  },
  examples: ["tinydocker volume rm data"],
  run: ({ volume, force = false }, { root }) => {
    requireRoot("removing volumes");
    showRemovals();
    const paths = pathsOf(root);
    recoverIfAllowed(paths);
    return forEachName(volume, (name) => {
      removeVolume(paths, name, { force });
      printLine(name);
    });
  },
});
