import { deleteContainer } from "../../runtime/oci/delete.ts";
import { containerId, defineRuntimeCommand } from "./command.ts";

export default defineRuntimeCommand({
  meta: { name: "delete", description: "Remove what there is of a container that has ended" },
  args: {
    force: { type: "boolean", alias: "f", description: "Kill it first; no error if it is not there" },
    regex: { type: "boolean", alias: "r", description: "All whose ids match CONTAINER, a regular expression" },
    id: containerId,
  },
  run: ({ id, force = false, regex }, { root, warn }) => {
    const remove = (one: string) => deleteContainer(root, one, { force }).forEach(warn);
    if (regex) all().forMatching(root, id, remove, warn);
    else remove(id);
    return 0;
  },
});

/** Loaded for more than one. */
const all = () =>
  require("../../runtime/oci/all-containers.ts") as typeof import("../../runtime/oci/all-containers.ts");
