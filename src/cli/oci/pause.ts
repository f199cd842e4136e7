import { pauseContainer } from "../../runtime/oci/pause.ts";
import { containerId, defineRuntimeCommand } from "./command.ts";

export default defineRuntimeCommand({
  meta: { name: "pause", description: "Stop all processes of a container where they are" },
  args: { id: containerId },
  run: ({ id }, { root }) => {
    pauseContainer(root, id);
    return 0;
  },
});
