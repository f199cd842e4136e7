/** `tinydocker diff`: what a container has added (A), changed (C) and deleted (D). */

import { recoverIfAllowed } from "../../engine/container/recover.ts";
import { diffContainer } from "../../engine/files/diff.ts";
import { requireRoot } from "../../engine/record/root.ts";
import { textOf } from "../../linux/at.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { plain, printLine } from "../words/print.ts";

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
    for (const { kind, path } of diffContainer(paths, container)) printLine(`${kind} ${plain(textOf(path))}`);
    return 0;
  },
});
