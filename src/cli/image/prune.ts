/** `tinydocker image prune`: removes images that nobody needs. */

import { type Dated, pruneImages } from "../../engine/image/prune.ts";
import { requireRoot } from "../../engine/record/root.ts";
import { Failure } from "../../errors.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { confirm } from "../words/confirm.ts";
import { reportAll } from "../words/for-each.ts";
import { plain, printDone } from "../words/print.ts";
import { showRemovals } from "../words/progress.ts";
import { datedPruneArgs, parsePruneFilter, printReclaimed, printRemoved, untilFilter } from "../words/prune.ts";

export default defineCommand({
  meta: { name: "prune", description: "Remove untagged images, or all unused ones" },
  args: {
    all: { type: "boolean", alias: "a", description: "Remove all images that no container uses" },
    ...datedPruneArgs,
  },
  examples: ["tinydocker image prune -a", "tinydocker image prune -a --filter label=stage=build"],
  run: ({ all = false, force, filter }, { root }) => {
    requireRoot("removing images");
    showRemovals();
    const chosen = parsePruneFilter<Dated>(filter, untilFilter);
    const which = all ? "all images that no container uses" : "all images without a name that no container uses";
    if (!force && !confirm(`This will remove ${which}.`)) throw new Failure("nothing was removed");
    const { untagged, deleted, reclaimedBytes, failures } = pruneImages(pathsOf(root), { all, chosen });
    printDone("images are removed", () => {
      printRemoved("Deleted Images:", [
        ...untagged.map((name) => `untagged: ${plain(name)}`),
        ...deleted.map((id) => `deleted: ${id}`),
      ]);
      printReclaimed(reclaimedBytes);
    });
    return reportAll(failures);
  },
});
