/** `tinydocker manifest create`: one name for images of several platforms. */

import { requireRoot } from "../../engine/record/root.ts";
import { createList } from "../../image/registry/lists.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { plain, printLine } from "../words/print.ts";

export default defineCommand({
  meta: { name: "manifest create", description: "Make a list of images for several platforms" },
  args: {
    list: { type: "positional", required: true, description: "Name of the list: NAME or NAME:TAG" },
    image: { type: "positional", required: false, multiple: true, description: "Images that are here, by name or id" },
    amend: { type: "boolean", alias: "a", description: "Replace a list of that name" },
  },
  examples: ["tinydocker manifest create registry.example/app:1 app:amd64 app:arm64"],
  run: async ({ list, image, amend = false }, { root }) => {
    requireRoot("making lists");
    await createList(pathsOf(root), list, image, amend);
    printLine(`Created manifest list ${plain(list)}`);
    return 0;
  },
});
