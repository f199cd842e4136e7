/** `tinydocker tag`: one more name for an image. */

import { tag } from "../../engine/image/tag.ts";
import { requireRoot } from "../../engine/record/root.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";

export default defineCommand({
  meta: { name: "tag", group: "Images", description: "Add a name to an image" },
  args: {
    source: { type: "positional", required: true, description: "Image name, id, or unique id prefix" },
    target: { type: "positional", required: true, description: "New name: NAME or NAME:TAG" },
  },
  examples: ["tinydocker tag busybox registry.example.org/tools/busybox:1"],
  run: ({ source, target }, { root }) => {
    requireRoot("naming images");
    tag(pathsOf(root), source, target);
    return 0;
  },
});
