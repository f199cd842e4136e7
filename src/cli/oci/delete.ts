import { deleteContainer } from "../../runtime/oci/delete.ts";
import { containerId, defineRuntimeCommand } from "./command.ts";

export default defineRuntimeCommand({
  meta: { name: "delete", description: "Remove what there is of a container that has ended" },
  args: {
    force: { type: "boolean", alias: "f", description: "Kill it first; no error if it is not there" },
    id: containerId,
  },
  run: ({ id, force = false }, { root, warn }) => {
    deleteContainer(root, id, { force }).forEach(warn);
    return 0;
  },
});
