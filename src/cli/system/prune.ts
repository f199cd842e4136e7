/** `tinydocker system prune`: removes what nobody uses. */

import { recoverIfAllowed } from "../../engine/container/recover.ts";
import type { Dated } from "../../engine/image/prune.ts";
import { requireRoot } from "../../engine/record/root.ts";
import { pruneSystem } from "../../engine/system/prune.ts";
import { Failure, UsageError } from "../../errors.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { confirm } from "../words/confirm.ts";
import { reportAll } from "../words/for-each.ts";
import { printDone } from "../words/print.ts";
import { showRemovals } from "../words/progress.ts";
import { datedPruneArgs, parsePruneFilter, printReclaimed, printRemoved, untilFilter } from "../words/prune.ts";
import { parseSize } from "../words/units.ts";

export default defineCommand({
  meta: {
    name: "system prune",
    description: "Remove stopped containers, unused networks and untagged images",
  },
  args: {
    all: { type: "boolean", alias: "a", description: "Remove all images that no container uses" },
    volumes: { type: "boolean", description: "Remove anonymous volumes that no container uses" },
    "keep-storage": {
      type: "string",
      valueHint: "size",
      description: "Keep at most so much of layers as they were pulled; images stay",
    },
    ...datedPruneArgs,
  },
  examples: ["tinydocker system prune", "tinydocker system prune -a -f --volumes"],
  run: ({ all = false, volumes = false, force, filter, "keep-storage": keep }, { root }) => {
    requireRoot("removing things");
    showRemovals();
    const paths = pathsOf(root);
    const chosen = parsePruneFilter<Dated>(filter, untilFilter);
    const keepBytes = keep === undefined ? undefined : parseSize("--keep-storage", keep);
    if (volumes && filter.some((word) => word.startsWith("until=")))
      throw new UsageError(
        "--filter until= is not supported with --volumes",
        "volumes do not say when they were used last",
      );
    if (!force && !confirm(warningOf({ all, volumes, filter }))) throw new Failure("nothing was removed");
    recoverIfAllowed(paths);
    const pruned = pruneSystem(paths, { all, volumes, chosen, keepBytes });
    printDone("what is not used is removed", () => {
      printRemoved("Deleted Containers:", pruned.containers);
      printRemoved("Deleted Networks:", pruned.networks);
      printRemoved("Deleted Volumes:", pruned.volumes);
      printRemoved("Deleted Images:", pruned.images);
      printReclaimed(pruned.bytes);
    });
    return reportAll(pruned.failures);
  },
});

function warningOf({ all, volumes, filter }: { all: boolean; volumes: boolean; filter: string[] }): string {
  const lines = [
    "This will remove:",
    "  - all stopped containers",
    "  - all networks not used by at least one container",
    ...(volumes ? ["  - all anonymous volumes not used by at least one container"] : []),
    all ? "  - all images without at least one container associated to them" : "  - all dangling images",
    ...(filter.length > 0 ? ["", "  Items to be pruned will be filtered with:"] : []),
    ...filter.map((word) => `  - ${word}`),
  ];
  return `${lines.join("\n")}\n`;
}
