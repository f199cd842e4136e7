import { createContainer } from "../../runtime/oci/create.ts";
import { handedOver } from "../../runtime/oci/stdio.ts";
import { bundleArgs, bundleRequest } from "./bundle-options.ts";
import { defineRuntimeCommand } from "./command.ts";
import { checkConsole } from "./console.ts";

export default defineRuntimeCommand({
  meta: { name: "create", description: "Create a container; `start` runs its program" },
  args: bundleArgs,
  takesSignals: true,
  run: (args, global) => {
    const request = bundleRequest(args, global, { outlives: true, waits: true });
    checkConsole(request.config.process.terminal ?? false, request.consoleSocket);
    createContainer({ ...request, connect: (owner) => handedOver(owner, request.consoleSocket) });
    return 0;
  },
});
