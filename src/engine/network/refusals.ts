/** What is said of connections to published ports that nobody passes on, as there are too many. */

import type { HeldPort } from "../../network/ports.ts";
import type { Paths } from "../../paths.ts";

/** One event for many refusals. */
const quietMs = 60_000;

/** Tells those who watch (`events`) that connections to published ports are reset, as there are too many. */
export function refusals(paths: Paths, id: string) {
  let nextMs = 0;
  return ({ hostIp, hostPort, protocol }: HeldPort, reason: string): void => {
    if (performance.now() < nextMs) return;
    nextMs = performance.now() + quietMs;
    try {
      const { readContainer, emitContainerEvent } =
        require("../record/container.ts") as typeof import("../record/container.ts");
      const record = readContainer(paths, id)?.record;
      if (record) emitContainerEvent(paths, record, "refuse", { port: `${hostIp}:${hostPort}/${protocol}`, reason });
    } catch {
      // Not even that can be said.
    }
  };
}
