/** What is told of the volumes of a container that is started, or has ended. */

import type { Paths } from "../../paths.ts";
import type { ContainerRecord } from "../record/container.ts";
import { recordEvent } from "../record/events.ts";

export function emitVolumeEvents(paths: Paths, { id, options }: ContainerRecord, action: "mount" | "unmount"): void {
  for (const { type, source, destination, options: words = [] } of options.mounts) {
    if (type !== "volume" || source === undefined) continue;
    const how = { destination, propagation: "", "read/write": String(!words.includes("ro")) };
    const attributes = { container: id, driver: "local", ...(action === "mount" && how) };
    recordEvent(paths, { type: "volume", action, id: source, attributes });
  }
}
