/** `tinydocker manifest rm`: takes lists away; the images stay. */

import { requireRoot } from "../../engine/record/root.ts";
import { removeList } from "../../image/registry/lists.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { plain, printLine } from "../words/print.ts";

export default defineCommand({
  meta: { name: "manifest rm", description: "Remove lists; their images stay" },
  args: { list: { type: "positional", required: true, multiple: true, description: "Names of lists" } },
  examples: ["tinydocker manifest rm registry.example/app:1"],
  run: ({ list }, { root }) => {
    requireRoot("removing lists");
    for (const one of list) {
      const digest = removeList(pathsOf(root), one);
      printLine(`Untagged: ${plain(one)}`);
      printLine(`Deleted: ${digest}`);
    }
    return 0;
  },
});
