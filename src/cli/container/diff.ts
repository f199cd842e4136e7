/** `tinydocker diff`: what a container has added (A), changed (C) and deleted (D). */

import { recoverIfAllowed } from "../../engine/container/recover.ts";
import { diffContainer } from "../../engine/files/diff.ts";
import { requireRoot } from "../../engine/record/root.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { printName } from "../words/print.ts";

export default defineCommand({
  meta: {
    name: "diff",
    group: "Inspect",
    description: "List files added (A), changed (C) and deleted (D)",
  },
  args: { container: { type: "positional", required: true, description: "Container name, id, or unique id prefix" } },
  examples: ["tinydocker diff web"],
  run: ({ container }, { root }) => {
    requireRoot("looking into containers");
    const paths = pathsOf(root);
    recoverIfAllowed(paths);
    for (const { kind, path } of diffContainer(paths, container)) printName(`${kind} `, path);
    return 0;
  },
});
