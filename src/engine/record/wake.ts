/** Monitors that somebody has stopped. */

import { kill } from "../../linux/process.ts";
import { readStat } from "../../linux/procfs.ts";
import { signals } from "../../linux/signal.ts";

/** Lets the parent of a process go on if it was stopped (Ctrl-Z, SIGSTOP). */
export function wakeParent(child: number): void {
  const parent = readStat(child)?.parent;
  if (parent !== undefined && readStat(parent)?.state === "T") kill(parent, signals.SIGCONT);
}
