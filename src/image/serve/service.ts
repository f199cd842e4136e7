/** What the endpoints share. */

import type { Digest } from "../../oci/digest.ts";
import type { Paths } from "../../paths.ts";
import type { Sessions } from "./sessions.ts";

export interface Service {
  paths: Paths;
  sessions: Sessions;
  /** Manifests that are being made of images that came by none: two clients share the work. */
  making: Map<Digest, Promise<unknown>>;
  /** Who uses an image ("container web"): it is not deleted then. */
  inUse(image: Digest): string | undefined;
  /** What happened to an image: events are kept above. */
  onEvent(event: { action: "push" | "pull" | "untag" | "delete"; id: Digest; name: string }): void;
}
