/** From the process to a role, and to the exit code. All output is written by then (cli/print.ts). */

import { exitNow } from "./linux/clone.ts";
import { blockSignals } from "./linux/signal.ts";
import { forwarded } from "./runtime/forwarded.ts";

const argv = process.argv.slice(2);
// Somebody had no time to wait for the kernel (network/linger.ts).
if (argv[0] === "linger") exitNow(0);
// Before there are threads, which would take the signals that are to wait for us. Who does not want them to wait says so (cli/main.ts).
blockSignals(forwarded);
// A monitor stays as long as its container does, so it does without all that is not about that.
const { main } = await (argv[0] === "monitor" ? import("./cli/monitor.ts") : import("./cli/main.ts"));
exitNow(await main(argv));
