/** Removes images that no container uses, and says so to who listens. */

import { DamagedError } from "../../errors.ts";
import { type Removed, removeImage } from "../../image/remove.ts";
import { findAnyImage } from "../../image/store.ts";
import type { Paths } from "../../paths.ts";
import { recordEvent } from "../record/events.ts";
import { imageUser } from "./users.ts";

/** As `removeImage` of the store, which does not know of containers. */
export function rmi(paths: Paths, reference: string, { force }: { force: boolean }): Removed {
  // A name tells nothing of its image once it is gone.
  const id = idOf(paths, reference) ?? reference;
  const removed = removeImage(paths, reference, { force, inUse: imageUser(paths) });
  const { untagged, deleted } = removed;
  for (const name of untagged) recordEvent(paths, { type: "image", action: "untag", id, attributes: { name } });
  if (deleted) recordEvent(paths, { type: "image", action: "delete", id, attributes: { name: id } });
  return removed;
}

/** Undefined for a name that is damaged, too. */
function idOf(paths: Paths, reference: string): string | undefined {
  try {
    return findAnyImage(paths, reference)?.id;
  } catch (error) {
    if (error instanceof DamagedError) return undefined;
    throw error;
  }
}
