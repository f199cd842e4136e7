/** `tinydocker rename`: another name for a container. */

import { recoverIfAllowed } from "../../engine/container/recover.ts";
import { renameContainer } from "../../engine/container/rename.ts";
import { findContainer } from "../../engine/record/container.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { parseName } from "../words/units.ts";

export default defineCommand({
  meta: { name: "rename", group: "Run", description: "Rename a container" },
  args: {
    container: { type: "positional", required: true, description: "Container name, id, or unique id prefix" },
    name: { type: "positional", required: true, description: "New name" },
  },
  examples: ["tinydocker rename web old-web"],
  run: ({ container, name }, { root }) => {
    const paths = pathsOf(root);
    recoverIfAllowed(paths);
    renameContainer(paths, findContainer(paths, container), parseName(name, "rename"));
    return 0;
  },
});
