import { parseSignal } from "../../linux/signal-name.ts";
import { forMatching } from "../../runtime/oci/all-containers.ts";
import { killContainer } from "../../runtime/oci/kill.ts";
import { containerId, defineRuntimeCommand } from "./command.ts";

export default defineRuntimeCommand({
  meta: { name: "kill", description: "Send a signal to the first process of a container" },
  args: {
    all: { type: "boolean", alias: "a", description: "To all its processes" },
    regex: { type: "boolean", alias: "r", description: "All whose ids match CONTAINER, a regular expression" },
    id: containerId,
    signal: { type: "positional", default: "SIGTERM", description: "By its name or number" },
  },
  run: ({ id, signal, all = false, regex }, { root, warn }) => {
    const kill = (one: string) => killContainer(root, one, parseSignal(signal), { all });
    if (regex) forMatching(root, id, kill, warn);
    else kill(id);
    return 0;
  },
});
