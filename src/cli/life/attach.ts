/** `tinydocker attach`: joins a running container's terminal or output. */

import { attachTo } from "../../engine/container/attach.ts";
import { ended } from "../../engine/container/detached.ts";
import { recoverIfAllowed } from "../../engine/container/recover.ts";
import { type Container, emitContainerEvent, findContainer, isUp } from "../../engine/record/container.ts";
import { connectToContainer } from "../../engine/record/monitor-socket.ts";
import { ConflictError } from "../../errors.ts";
import { type Paths, pathsOf } from "../../paths.ts";
import { sendFrame } from "../../runtime/channel.ts";
import { parseDetachKeys } from "../container/lifecycle.ts";
import { defineCommand } from "../words/command.ts";
import { sayDetached, warn } from "../words/print.ts";

export default defineCommand({
  meta: { name: "attach", group: "Run", description: "Attach to a running container" },
  args: {
    container: { type: "positional", required: true, description: "Container name, id, or unique id prefix" },
    "no-stdin": { type: "boolean", description: "Do not attach stdin" },
    "detach-keys": {
      type: "string",
      empty: "checked",
      valueHint: "keys",
      description: "Key sequence that detaches from the container (ctrl-p,ctrl-q)",
    },
    "sig-proxy": { type: "boolean", description: "Forward signals to the container (default true)" },
  },
  examples: ["tinydocker attach web"],
  takesSignals: true,
  run: ({ container, ...options }, { root }) => {
    const detachKeys = parseDetachKeys(options["detach-keys"]);
    const paths = pathsOf(root);
    recoverIfAllowed(paths);
    const found = findContainer(paths, container);
    const stdin = !options["no-stdin"] && found.record.settings.interactive;
    return join(paths, found, { stdin, detachKeys, sigProxy: options["sig-proxy"] ?? true });
  },
});

/** Stays with a container that runs already. @returns its exit code, or 0 once we have left. */
export function join(
  paths: Paths,
  found: Container,
  how: { stdin: boolean; detachKeys: Uint8Array; sigProxy: boolean },
): number {
  const { record, status } = found;
  if (status === "paused")
    throw new ConflictError(`container ${record.name} is paused`, `tinydocker unpause ${record.name}`);
  const socket = isUp(found) ? connectToContainer(paths, record.id) : undefined;
  if (socket === undefined) {
    const why = status === "unknown" ? "has no monitor any more" : "is not running";
    throw new ConflictError(`container ${record.name} ${why}`);
  }
  sendFrame(socket, { control: { type: "attach", stdin: how.stdin } });
  emitContainerEvent(paths, record, "attach");
  const end = attachTo(socket, { ...how, terminal: record.options.terminal });
  const result = ended(paths, record.id, end, warn);
  if ("code" in result) return result.code;
  sayDetached(record.name);
  return 0;
}
