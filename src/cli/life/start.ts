/** `tinydocker start`: containers that are down come up again, with what they had written. */

import { attachTo } from "../../engine/container/attach.ts";
import { ended } from "../../engine/container/detached.ts";
import { starting } from "../../engine/container/restart.ts";
import { emitContainerEvent, findContainer } from "../../engine/record/container.ts";
import { UsageError } from "../../errors.ts";
import { close, type Fd } from "../../linux/file.ts";
import { watchTrees } from "../../linux/tree/watch.ts";
import { pathsOf } from "../../paths.ts";
import { finish } from "../../runtime/task.ts";
import { containerOperand, forAllContainers } from "../container/for-each.ts";
import { parseDetachKeys } from "../container/lifecycle.ts";
import { defineCommand } from "../words/command.ts";
import { sayDetached, warn } from "../words/print.ts";
import { showStart } from "../words/progress.ts";
import { refused } from "../words/refused.ts";
import { join } from "./attach.ts";

export default defineCommand({
  meta: { name: "start", group: "Run", description: "Start stopped containers" },
  args: {
    container: containerOperand,
    attach: { type: "boolean", alias: "a", description: "Attach to the output and forward signals" },
    interactive: { type: "boolean", alias: "i", description: "Attach stdin" },
    "detach-keys": {
      type: "string",
      empty: "checked",
      valueHint: "keys",
      description: "Key sequence that detaches from the container (ctrl-p,ctrl-q)",
    },
    checkpoint: refused("string", "is not supported: processes are not saved and restored"),
    "checkpoint-dir": refused("string", "is not supported: processes are not saved and restored"),
    "sig-proxy": { type: "boolean", description: "Forward signals to the container (default true)" },
  },
  examples: ["tinydocker start web", "tinydocker start -ai shell"],
  takesSignals: true,
  run: async ({ container, attach, interactive, ...options }, { root }) => {
    watchTrees(showStart);
    if (!attach && !interactive)
      return forAllContainers(root, { container }, function* (paths, found, reference) {
        yield* starting(paths, found, { attached: false, stdin: false }, close, warn);
        return reference;
      });
    const [reference, ...more] = container;
    if (more.length > 0) throw new UsageError("only one container can be attached to at a time");
    const detachKeys = parseDetachKeys(options["detach-keys"]);
    const paths = pathsOf(root);
    const found = findContainer(paths, reference!);
    const stdin = interactive ?? false;
    const sigProxy = options["sig-proxy"] ?? true;
    let code: number | undefined;
    const stay = (socket: Fd) => {
      const { terminal } = found.record.options;
      emitContainerEvent(paths, found.record, "attach");
      const end = attachTo(socket, { stdin, terminal, detachKeys, sigProxy });
      const result = ended(paths, found.record.id, end, warn);
      code = "code" in result ? result.code : 0;
      if (!("code" in result)) sayDetached(found.record.name);
    };
    finish(starting(paths, found, { attached: true, stdin }, stay, warn));
    // One that ran already is joined.
    return code ?? join(paths, findContainer(paths, found.record.id), { stdin, detachKeys, sigProxy });
  },
});
