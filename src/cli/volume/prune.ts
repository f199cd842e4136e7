/** `tinydocker volume prune`: removes volumes that no container uses. */

import { recoverIfAllowed } from "../../engine/container/recover.ts";
import { sizeOfTree } from "../../engine/container/size.ts";
import { recordPrune } from "../../engine/record/events.ts";
import { requireRoot } from "../../engine/record/root.ts";
import { anonymousLabel, mountPointOf } from "../../engine/record/volume.ts";
import { pruneVolumes } from "../../engine/volume/remove.ts";
import { Failure } from "../../errors.ts";
import { collectGarbage } from "../../image/garbage.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { confirm } from "../words/confirm.ts";
import { reportAll } from "../words/for-each.ts";
import { printDone } from "../words/print.ts";
import { showRemovals } from "../words/progress.ts";
import { parsePruneFilter, printReclaimed, printRemoved, pruneArgs } from "../words/prune.ts";

export default defineCommand({
  meta: { name: "volume prune", description: "Remove unused volumes" },
  args: {
    all: { type: "boolean", alias: "a", description: "Remove named volumes too" },
    ...pruneArgs,
  },
  examples: ["tinydocker volume prune", "tinydocker volume prune -a -f --filter label=test"],
  run: ({ all: withNames = false, force, filter }, { root }) => {
    requireRoot("removing volumes");
    showRemovals();
    const paths = pathsOf(root);
    // As Docker, where --all was a filter once.
    const all = withNames || filter.some((word) => /^all=(1|t|true)$/i.test(word));
    const chosen = parsePruneFilter(filter, { all: () => () => true });
    const what = all ? "all local volumes" : "anonymous local volumes";
    if (!force && !confirm(`This will remove ${what} not used by at least one container.`))
      throw new Failure("nothing was removed");
    recoverIfAllowed(paths);
    const { names, bytes, failures } = pruneVolumes(
      paths,
      (volume) => (all || Object.hasOwn(volume.labels, anonymousLabel)) && chosen(volume),
      (volume) => sizeOfTree(mountPointOf(paths, volume)),
    );
    collectGarbage(paths);
    recordPrune(paths, "volume", bytes);
    printDone("volumes are removed", () => {
      printRemoved("Deleted Volumes:", names);
      printReclaimed(bytes);
    });
    return reportAll(failures);
  },
});
