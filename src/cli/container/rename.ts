/** `tinydocker rename`: another name for a container. */

import { recoverIfAllowed } from "../../engine/container/recover.ts";
import { renameContainer } from "../../engine/container/rename.ts";
import { findContainer } from "../../engine/record/container.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { parseName } from "../words/units.ts";

export default defineCommand({
  meta: { name: "rename", group: "Run", description: "Give a container another name" },
  args: {
    container: { type: "positional", required: true, description: "Its name, or its id or the beginning of it" },
    name: { type: "positional", required: true, description: "Its new name" },
  },
  examples: ["tinydocker rename web old-web"],
  run: ({ container, name }, { root }) => {
    const paths = pathsOf(root);
    recoverIfAllowed(paths);
    renameContainer(paths, findContainer(paths, container), parseName(name));
    return 0;
  },
});
