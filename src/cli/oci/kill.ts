import { parseSignal } from "../../linux/signal-name.ts";
import { killContainer } from "../../runtime/oci/kill.ts";
import { containerId, defineRuntimeCommand } from "./command.ts";

export default defineRuntimeCommand({
  meta: { name: "kill", description: "Send a signal to the first process of a container" },
  args: {
    all: { type: "boolean", alias: "a", description: "To all its processes" },
    id: containerId,
    signal: { type: "positional", default: "SIGTERM", description: "By its name or number" },
  },
  run: ({ id, signal, all = false }, { root }) => {
    killContainer(root, id, parseSignal(signal), { all });
    return 0;
  },
});
