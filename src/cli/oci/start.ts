import { startContainer } from "../../runtime/oci/start.ts";
import { containerId, defineRuntimeCommand } from "./command.ts";

export default defineRuntimeCommand({
  meta: { name: "start", description: "Run the program of a container that was created" },
  args: { id: containerId },
  run: ({ id }, { root, warn }) => {
    startContainer(root, id, warn);
    return 0;
  },
});
