/** How a container is told to end, and how a restart policy learns that it is not to come up again. */

import { hasCode } from "../../errors.ts";
import { pidfdSendSignal } from "../../linux/clone.ts";
import { type Fd, writeFileAtomic } from "../../linux/file.ts";
import { signals } from "../../linux/signal.ts";
import { findSignal, parseSignal } from "../../linux/signal-name.ts";
import type { Paths } from "../../paths.ts";
import type { ContainerRecord } from "../record/container.ts";
import { stopFile } from "./start.ts";

/** Until SIGKILL. */
export const defaultStopTimeoutS = 10;

/** What an image says that is not a signal counts as nothing said: who loaded it was warned. */
export function stopSignalOf({ settings: { stopSignal }, defaults }: ContainerRecord): number {
  return stopSignal ? parseSignal(stopSignal) : (findSignal(defaults.StopSignal ?? "") ?? signals.SIGTERM);
}

/** Writes down that it is to stop, for its restart policy. @returns false where nothing can be written. */
export function recordStop(paths: Paths, id: string): boolean {
  try {
    writeFileAtomic(stopFile(paths, id), "");
    return true;
  } catch (error) {
    // With --rm it may be gone by now; where nothing can be written, stopping it is what can be done.
    if (!hasCode(error, "ENOENT", "EROFS")) throw error;
    return hasCode(error, "ENOENT");
  }
}

/** Signals the first process: by the runtime that has made it, if that is not ours. */
export function signalFirst(paths: Paths, record: ContainerRecord, first: Fd, signal: number): void {
  if (!record.settings.runtime) return void pidfdSendSignal(first, signal);
  const { signalBy } = require("../external/container.ts") as typeof import("../external/container.ts");
  signalBy(paths, record, first, signal);
}
