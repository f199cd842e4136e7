/** From the process to a role, and to the exit code. All output is written by then (cli/print.ts). */

import type { Early } from "./cli/command.ts";
import { exitNow } from "./linux/clone.ts";
import { blockSignals } from "./linux/signal.ts";
import { abandon, bear } from "./runtime/birth.ts";
import { openEntry } from "./runtime/entry.ts";
import { forwarded } from "./runtime/forwarded.ts";

const argv = process.argv.slice(2);
// Somebody had no time to wait for the kernel (network/linger.ts).
if (argv[0] === "linger") exitNow(0);
const words = afterGlobals(argv);
const isRoot = process.geteuid?.() === 0;
// Before anything else is even loaded: later there may be threads, and then nobody may fork (runtime/birth.ts).
const early = isRoot ? comeEarly() : {};
// Long work takes note of signals between two blocks, and then cleans up; who is attached passes them on. Now, because
// later threads would take them.
const takesNote = ["load", "save", "import", "export", "commit", "cp", "attach", "start"];
if (takesNote.includes(words[0] ?? "")) blockSignals(forwarded);
// A monitor stays as long as its container does, so it does without all that is not about that.
const { main } = await (words[0] === "monitor" ? import("./cli/monitor.ts") : import("./cli/main.ts"));
const code = await main(argv, early);
// Still there if the options were wrong or the image was not to be had; a second time does no harm.
if (early.birth) abandon(early.birth);
exitNow(code);

/** What has to be made before there are threads; or why it could not be, for somebody to explain. */
function comeEarly(): Early {
  try {
    if (words[0] === "monitor") return { birth: bear(argv, words[2]) };
    if (startsContainer(words)) return { birth: bear(argv) };
    return words[0] === "exec" ? { entry: openEntry() } : {};
  } catch (failure) {
    return { failure };
  }
}

/** The words from the command on (cli/main.ts takes the options before it); `container run` is `run`, `image load` is `load`. */
function afterGlobals([first = "", ...rest]: string[]): string[] {
  for (const option of ["--root", "--firewall", "--loaded"]) {
    if (first === option) return afterGlobals(rest.slice(1));
    if (first.startsWith(`${option}=`)) return afterGlobals(rest);
  }
  return first === "container" || first === "image" ? rest : [first, ...rest];
}

/** True for command lines that start a container in this process: `run`, or the original form. */
function startsContainer([first = "", ...rest]: string[]): boolean {
  // Where -d comes first another process starts it (engine/launch.ts); elsewhere that is seen later.
  if (first === "run") return !detaches(rest[0] ?? "");
  // The original form begins with an option.
  return first.startsWith("-") && !["--help", "--version"].includes(first);
}

/** `-d`, alone or with `-i` and `-t`. Words that can't be it cost no regular expression, whose first one takes 0.1 ms. */
function detaches(word: string): boolean {
  if (!word.startsWith("-") || word.startsWith("--")) return word === "--detach";
  return /^-[it]*d[it]*$/.test(word);
}
