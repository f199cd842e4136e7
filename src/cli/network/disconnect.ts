/** `tinydocker network disconnect`: takes a container off a network. */

import { recoverIfAllowed } from "../../engine/container/recover.ts";
import { disconnectContainer } from "../../engine/network/connect.ts";
import { findContainer } from "../../engine/record/container.ts";
import { requireRoot } from "../../engine/record/root.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";

export default defineCommand({
  meta: { name: "network disconnect", description: "Take a container off a network, also while it runs" },
  args: {
    network: { type: "positional", required: true, description: "Its name or id" },
    container: { type: "positional", required: true, description: "Name, or id or the beginning of one" },
    force: { type: "boolean", alias: "f", description: "One that is not in it is fine" },
  },
  examples: ["tinydocker network disconnect back web"],
  run: ({ network, container, force = false }, { root }) => {
    requireRoot("disconnecting containers");
    const paths = pathsOf(root);
    recoverIfAllowed(paths);
    disconnectContainer(paths, findContainer(paths, container), network, { force });
    return 0;
  },
});
