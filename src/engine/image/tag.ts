/** Gives an image one more name, and says so to who listens. */

import { tagImage } from "../../image/tag.ts";
import type { Paths } from "../../paths.ts";
import { recordEvent } from "../record/events.ts";

/** As `tagImage` of the store, which keeps no events. */
export function tag(paths: Paths, source: string, target: string): void {
  const { id, name } = tagImage(paths, source, target);
  recordEvent(paths, { type: "image", action: "tag", id, attributes: { name } });
}
