/** `tinydocker container prune`: removes all containers that do not run. */

import { pruneContainers } from "../../engine/container/prune.ts";
import { recoverIfAllowed } from "../../engine/container/recover.ts";
import { makingContainers, requireRoot } from "../../engine/record/root.ts";
import { Failure } from "../../errors.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { confirm } from "../words/confirm.ts";
import { reportAll } from "../words/for-each.ts";
import { printDone } from "../words/print.ts";
import { showRemovals } from "../words/progress.ts";
import { datedPruneArgs, parsePruneFilter, printReclaimed, printRemoved, untilFilter } from "../words/prune.ts";

export default defineCommand({
  meta: { name: "container prune", description: "Remove all stopped containers" },
  args: {
    ...datedPruneArgs,
  },
  examples: ["tinydocker container prune", "tinydocker container prune -f --filter until=24h"],
  run: ({ force, filter }, { root }) => {
    requireRoot(makingContainers);
    const keep = parsePruneFilter<{ created: string; labels: Record<string, string> }>(filter, untilFilter);
    if (!force && !confirm("This will remove all containers that do not run."))
      throw new Failure("nothing was removed");
    showRemovals();
    const paths = pathsOf(root);
    recoverIfAllowed(paths);
    const { ids, bytes, failures } = pruneContainers(paths, ({ record }) =>
      keep({ created: record.created, labels: record.settings.labels }),
    );
    printDone("containers are removed", () => {
      printRemoved("Deleted Containers:", ids);
      printReclaimed(bytes);
    });
    return reportAll(failures);
  },
});
