/** What this program is when a container is to outlive a command: its monitor, as engine/launch.ts starts it. */

import { LauncherGoneError, monitor } from "../engine/monitor.ts";
import type { Early } from "./command.ts";

/** `tinydocker monitor ID BIRTH`, which nobody types. @returns the exit code. */
export function main(_argv: string[], { birth, failure }: Early): number {
  try {
    if (!birth) throw failure;
    return monitor(birth);
  } catch (error) {
    if (error instanceof LauncherGoneError) return 125;
    // Loaded when there is something to say.
    const { complain } = require("./main.ts") as typeof import("./main.ts");
    return complain(error);
  }
}
