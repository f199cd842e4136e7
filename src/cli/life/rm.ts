/** `tinydocker rm`: removes containers. */

import { freeStrayName, removing } from "../../engine/container/remove.ts";
import { isUp } from "../../engine/record/container.ts";
import { requireRoot } from "../../engine/record/root.ts";
import { NotFoundError, UsageError } from "../../errors.ts";
import { pathsOf } from "../../paths.ts";
import { forAllContainers, type Selection, selectionArgs } from "../container/for-each.ts";
import { defineCommand } from "../words/command.ts";
import { forEachName } from "../words/for-each.ts";
import { printLine } from "../words/print.ts";
import { showRemovals } from "../words/progress.ts";
import { stopTimeOf } from "./stop.ts";

export default defineCommand({
  meta: { name: "rm", group: "Run", description: "Remove containers" },
  args: {
    ...selectionArgs,
    force: { type: "boolean", alias: "f", description: "Kill running containers" },
    time: {
      type: "string",
      empty: "checked",
      alias: "t",
      valueHint: "seconds",
      description: "With --force: send the stop signal and wait that long before SIGKILL",
    },
    link: { type: "boolean", alias: "l", description: "Remove links (CONTAINER/ALIAS), not containers" },
    volumes: { type: "boolean", alias: "v", description: "Also remove anonymous volumes of the containers" },
  },
  examples: ["tinydocker rm my-container", "tinydocker rm -f -v web", "tinydocker rm --filter status=exited"],
  run: ({ force = false, volumes = false, link = false, time, ...selection }, { root }) => {
    showRemovals();
    if (link) return removeLinks(root, selection);
    if (time !== undefined && !force) throw new UsageError("--time needs --force: what runs is not stopped without it");
    const timeoutS = stopTimeOf("--time", time);
    const options = { force, volumes, ...(timeoutS !== undefined && { timeoutS }) };
    return forAllContainers(
      root,
      selection,
      function* (paths, found, reference) {
        yield* removing(paths, found, options);
        return reference;
      },
      {
        damaged: true,
        missing: freeStrayName,
        harmless: (failure) => force && failure instanceof NotFoundError,
        among: (container) => force || !isUp(container),
      },
    );
  },
});

async function removeLinks(root: string, { container: references, all, latest, filter }: Selection): Promise<number> {
  if (all || latest || filter?.length)
    throw new UsageError("--link takes CONTAINER/ALIAS, not --all, --latest or --filter");
  if (references.length === 0) throw new UsageError("CONTAINER/ALIAS is missing", "tinydocker rm --link web/db");
  const { removeLink } = await import("../../engine/network/links.ts");
  requireRoot("removing links");
  return await forEachName(references, (reference) => {
    removeLink(pathsOf(root), reference);
    printLine(reference);
  });
}
