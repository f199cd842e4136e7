import { UsageError } from "../../errors.ts";
import { createContainer } from "../../runtime/oci/create.ts";
import { handedOver } from "../../runtime/oci/stdio.ts";
import { bundleArgs, bundleRequest } from "./bundle-options.ts";
import { defineRuntimeCommand } from "./command.ts";

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

/** Whoever goes before the program does leaves its terminal to somebody. */
export function checkConsole(terminal: boolean, consoleSocket: string | undefined): void {
  if (terminal && consoleSocket === undefined)
    throw new UsageError(
      "cannot allocate a terminal without a console socket: nobody would have its other end",
      "--console-socket SOCKET",
    );
  if (!terminal && consoleSocket !== undefined)
    throw new UsageError(
      "cannot use a console socket: the process is to have no terminal",
      "process.terminal in config.json",
    );
}
