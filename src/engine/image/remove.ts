/** Removes images that no container uses, and says so to who listens. */

import { type Removed, type RemoveOptions, removeImage } from "../../image/remove.ts";
import type { Paths } from "../../paths.ts";
import { recordEvent } from "../record/events.ts";
import { imageUser } from "./users.ts";

/** As `removeImage` of the store, which does not know of containers. */
export function rmi(paths: Paths, reference: string, options: Omit<RemoveOptions, "inUse">): Removed {
  const removed = removeImage(paths, reference, { ...options, inUse: imageUser(paths) });
  const { id = reference, untagged, deleted } = removed;
  for (const name of untagged) recordEvent(paths, { type: "image", action: "untag", id, attributes: { name } });
  if (deleted) recordEvent(paths, { type: "image", action: "delete", id, attributes: { name: id } });
  return removed;
}
