/** The roles of this program: a command of a person's, the monitor of a container, or a process that only ends. */

import { blockSignals } from "../linux/signal.ts";
import { forwarded } from "../runtime/forwarded.ts";

/** Plays the role that the words ask for. @returns the exit code. */
export async function play(argv: string[]): Promise<number> {
  // Somebody had no time to wait for the kernel (network/firewall/deferred-close.ts).
  if (argv[0] === "deferred-close") return 0;
  if (argv[0] === "keep-terminal") return (await import("../runtime/keep-terminal.ts")).keepTerminal();
  if (argv[0] === "network-keeper") return (await import("./network-keeper.ts")).main(argv);
  // Before there are threads, which would take the signals that are to wait for us: nothing else of ours is loaded by now. Who does not want them to wait says so (main.ts).
  blockSignals(forwarded);
  if (argv[0] === "runtime") return await (await import("./oci/main.ts")).main(argv.slice(1));
  // A monitor stays as long as its container does, so it does without all that is not about that.
  const { main } = await (argv[0] === "monitor" ? import("./monitor.ts") : import("./main.ts"));
  return await main(argv);
}

/** Says what nobody caught. @returns the exit code. */
export function crash(error: unknown): number {
  const { complain } = require("./complain.ts") as typeof import("./complain.ts");
  return complain(error);
}
