import { createContainer } from "../../runtime/oci/create.ts";
import { endForeground } from "../../runtime/oci/foreground.ts";
import { handedOver } from "../../runtime/oci/stdio.ts";
import { bundleArgs, bundleRequest } from "./bundle-options.ts";
import { defineRuntimeCommand } from "./command.ts";
import { checkConsole } from "./console.ts";

export default defineRuntimeCommand({
  meta: { name: "run", description: "Create a container, start it, and stay until it ends" },
  args: {
    ...bundleArgs,
    detach: { type: "boolean", alias: "d", description: "Do not stay: end as soon as the program runs" },
    keep: { type: "boolean", description: "Do not delete the container when it has ended" },
  },
  takesSignals: true,
  run: (args, global) => {
    const detach = args.detach ?? false;
    const request = bundleRequest(args, global, { outlives: detach });
    const { terminal = false } = request.config.process;
    if (detach || !terminal) checkConsole(terminal, request.consoleSocket);
    const relays = terminal && !detach && request.consoleSocket === undefined;
    const container = createContainer({
      ...request,
      connect: (owner) => {
        if (!relays) return handedOver(owner, request.consoleSocket);
        const { terminalOfCaller } =
          require("../../runtime/oci/foreground.ts") as typeof import("../../runtime/oci/foreground.ts");
        return terminalOfCaller(owner);
      },
    });
    if (detach) return 0;
    return endForeground(global.root, request.state.id, container, { keep: args.keep ?? false }, global.warn);
  },
});
