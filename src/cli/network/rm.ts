/** `tinydocker network rm`: removes networks that no container is in. */

import { recoverIfAllowed } from "../../engine/container/recover.ts";
import { removeNetwork } from "../../engine/network/remove.ts";
import { requireRoot } from "../../engine/record/root.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { forEachName } from "../words/for-each.ts";
import { printLine } from "../words/print.ts";

export default defineCommand({
  meta: { name: "network rm", description: "Remove networks, their bridges and firewall rules" },
  args: {
    network: {
      type: "positional",
      multiple: true,
      required: true,
      description: "Network names, ids, or unique id prefixes",
    },
    force: { type: "boolean", alias: "f", description: "Ignore names that do not exist" },
  },
  examples: ["tinydocker network rm web"],
  run: ({ network, force = false }, { root }) => {
    requireRoot("removing networks");
    const paths = pathsOf(root);
    recoverIfAllowed(paths);
    return forEachName(network, (reference) => {
      if (removeNetwork(paths, reference, { force })) printLine(reference);
    });
  },
});
