/** `tinydocker network prune`: removes networks that no container is in. */

import { recoverIfAllowed } from "../../engine/container/recover.ts";
import { pruneNetworks } from "../../engine/network/remove.ts";
import { requireRoot } from "../../engine/record/root.ts";
import { Failure } from "../../errors.ts";
import { pathsOf } from "../../paths.ts";
import type { Network } from "../../plan/network/network.ts";
import { defineCommand } from "../words/command.ts";
import { confirm } from "../words/confirm.ts";
import { reportAll } from "../words/for-each.ts";
import { printDone } from "../words/print.ts";
import { datedPruneArgs, parsePruneFilter, printRemoved, untilFilter } from "../words/prune.ts";

export default defineCommand({
  meta: { name: "network prune", description: "Remove unused networks" },
  args: {
    ...datedPruneArgs,
  },
  examples: ["tinydocker network prune", "tinydocker network prune -f --filter until=24h"],
  run: ({ force, filter }, { root }) => {
    requireRoot("removing networks");
    const paths = pathsOf(root);
    const chosen = parsePruneFilter<Network>(filter, untilFilter);
    if (!force && !confirm("This will remove all custom networks not used by at least one container."))
      throw new Failure("nothing was removed");
    recoverIfAllowed(paths);
    const { names, failures } = pruneNetworks(paths, chosen);
    printDone("networks are removed", () => printRemoved("Deleted Networks:", names));
    return reportAll(failures);
  },
});
