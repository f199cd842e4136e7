/** `tinydocker network disconnect`: takes a container off a network. */

import { recoverIfAllowed } from "../../engine/container/recover.ts";
import { disconnectContainer } from "../../engine/network/connect.ts";
import { findContainer } from "../../engine/record/container.ts";
import { requireRoot } from "../../engine/record/root.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";

export default defineCommand({
  meta: { name: "network disconnect", description: "Disconnect a container from a network" },
  args: {
    network: { type: "positional", required: true, description: "Network name or id" },
    container: { type: "positional", required: true, description: "Container name, id, or unique id prefix" },
    force: { type: "boolean", alias: "f", description: "Ignore a container that is not connected" },
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
