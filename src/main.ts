/** From the process to a role, and to the exit code. All output is written by then (cli/print.ts). */

import { exitNow } from "./linux/clone.ts";
import { blockSignals } from "./linux/signal.ts";
import { abandon, bear, forwarded } from "./runtime/birth.ts";

const argv = process.argv.slice(2);
// `container run` is `run`, and `container exec` is `exec`.
const words = argv[0] === "container" ? argv.slice(1) : argv;
// Before anything else is even loaded: later there may be threads, and then nobody may fork (runtime/birth.ts).
const birth = startsContainer(words) && process.geteuid?.() === 0 ? bear(argv) : undefined;
const entry = words[0] === "exec" && process.geteuid?.() === 0 ? openWayIn() : undefined;
// A load takes note of signals between two blocks, and then cleans up; who is attached passes them on. Now, because
// later threads would take them.
if (["load", "attach", "start"].includes(commandOf(words) ?? "")) blockSignals(forwarded);
const { main } = await import("./cli/main.ts");
const code = await main(argv, { ...(birth && { birth }), ...(entry && { entry }) });
// Still there if the options were wrong or the image was not to be had; a second time does no harm.
if (birth) abandon(birth);
exitNow(code);

/** As early as a birth, and loaded only for an exec. */
function openWayIn() {
  const { openEntry } = require("./runtime/entry.ts") as typeof import("./runtime/entry.ts");
  return openEntry();
}

/** The first word that is no global option. */
function commandOf(words: string[]): string | undefined {
  return words.find((word, index) => !word.startsWith("-") && words[index - 1] !== "--root");
}

/** True for command lines that start a container in this process: `run`, `monitor`, or the original form. */
function startsContainer([first = "", ...rest]: string[]): boolean {
  // Where -d comes first another process starts it (engine/launch.ts); elsewhere that is seen later.
  if (first === "run") return rest[0] !== "--detach" && !/^-[it]*d[it]*$/.test(rest[0] ?? "");
  if (first === "monitor") return true;
  // Global options may come before: then it is enough that it may be so.
  return first.startsWith("-") && !["--help", "--version"].includes(first) && !rest.includes("explain");
}
