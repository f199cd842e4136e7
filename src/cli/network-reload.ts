/** `tinydocker network reload`: makes bridges and rules anew, after somebody has flushed or deleted them. */

import { requireRoot } from "../engine/host.ts";
import { recoverIfAllowed } from "../engine/recover.ts";
import { reloadNetworks } from "../engine/reload.ts";
import { pathsOf } from "../paths.ts";
import { defineCommand } from "./command.ts";
import { printLine } from "./print.ts";

export default defineCommand({
  meta: { name: "network reload", description: "Make the bridges and rules of running containers anew" },
  args: {},
  examples: ["tinydocker network reload"],
  run: (_values, { root }) => {
    requireRoot("setting up networks");
    const paths = pathsOf(root);
    recoverIfAllowed(paths);
    for (const name of reloadNetworks(paths)) printLine(name);
    return 0;
  },
});
