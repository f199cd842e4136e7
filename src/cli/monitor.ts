/** What this program is when a container is to outlive a command: its monitor, as engine/container/launch.ts starts it. */

import { LauncherGoneError, monitor } from "../engine/container/monitor.ts";

/** `tinydocker monitor ID`, which nobody types. @returns the exit code. */
export function main(): number {
  try {
    return monitor();
  } catch (error) {
    if (error instanceof LauncherGoneError) return 125;
    // Loaded when there is something to say.
    const { complain } = require("./complain.ts") as typeof import("./complain.ts");
    return complain(error);
  }
}
