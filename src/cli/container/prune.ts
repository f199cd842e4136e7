/** `tinydocker container prune`: removes all containers that do not run. */

import { pruneContainers } from "../../engine/container/prune.ts";
import { recoverIfAllowed } from "../../engine/container/recover.ts";
import type { Container } from "../../engine/record/container.ts";
import { makingContainers, requireRoot } from "../../engine/record/root.ts";
import { Failure } from "../../errors.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { confirm } from "../words/confirm.ts";
import { type Filters, labelFilters, parseFilters } from "../words/filter.ts";
import { humanSize, printLine } from "../words/print.ts";
import { parseTime } from "../words/time.ts";

export default defineCommand({
  meta: { name: "container prune", description: "Remove all stopped containers" },
  args: {
    force: { type: "boolean", alias: "f", description: "Do not ask for confirmation" },
    filter: {
      type: "string",
      multiple: true,
      valueHint: "key=value",
      description: "Remove only what matches: label=, label!=, until= (created before a time, or that long ago)",
    },
  },
  examples: ["tinydocker container prune", "tinydocker container prune -f --filter until=24h"],
  run: ({ force, filter }, { root }) => {
    requireRoot(makingContainers);
    const keep = parseFilters(filter, filters);
    if (!force && !confirm("This will remove all containers that do not run."))
      throw new Failure("nothing was removed");
    const paths = pathsOf(root);
    recoverIfAllowed(paths);
    const { ids, bytes } = pruneContainers(paths, keep);
    if (ids.length > 0) printLine(["Deleted Containers:", ...ids, ""].join("\n"));
    printLine(`Total reclaimed space: ${humanSize(bytes)}`);
    return 0;
  },
});

const filters: Filters<Container> = {
  ...labelFilters(({ record }) => record.settings.labels),
  until: (text) => {
    const ms = parseTime("--filter until", text, Date.now());
    return ({ record }) => Date.parse(record.created) < ms;
  },
};
