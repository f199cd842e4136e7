/** Volumes when a container is made, is started, or has ended: what is told of them, and which are there to stay from then on. */

import { unlink } from "../../linux/names.ts";
import type { Paths } from "../../paths.ts";
import { anonymousOption, makerOf } from "../../plan/volume.ts";
import type { ContainerRecord } from "../record/container.ts";
import { recordEvent } from "../record/events.ts";
import { volumePath } from "../record/volume.ts";

/** A container has made a volume that was not there. */
export const emitVolumeCreated = (paths: Paths, name: string): void =>
  recordEvent(paths, { type: "volume", action: "create", id: name, attributes: { driver: "local" } });

/** What a container has made, and now uses, stays whatever becomes of it. */
export function keepVolumes(paths: Paths, { options }: ContainerRecord): void {
  for (const name of namedVolumes(options)) unlink(makerOf(volumePath(paths, name)));
}

/** Names of its volumes that do not go with it. */
export const namedVolumes = ({ mounts }: Pick<ContainerRecord["options"], "mounts">): string[] =>
  mounts.flatMap(({ type, source, options }) =>
    type === "volume" && source !== undefined && !options?.includes(anonymousOption) ? [source] : [],
  );

export function emitVolumeEvents(paths: Paths, { id, options }: ContainerRecord, action: "mount" | "unmount"): void {
  for (const { type, source, destination, options: words = [] } of options.mounts) {
    if (type !== "volume" || source === undefined) continue;
    const how = { destination, propagation: "", "read/write": String(!words.includes("ro")) };
    const attributes = { container: id, driver: "local", ...(action === "mount" && how) };
    recordEvent(paths, { type: "volume", action, id: source, attributes });
  }
}
