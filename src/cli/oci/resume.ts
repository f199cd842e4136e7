import { resumeContainer } from "../../runtime/oci/pause.ts";
import { containerId, defineRuntimeCommand } from "./command.ts";

export default defineRuntimeCommand({
  meta: { name: "resume", description: "Let the processes of a paused container go on" },
  args: { id: containerId },
  run: ({ id }, { root }) => {
    resumeContainer(root, id);
    return 0;
  },
});
