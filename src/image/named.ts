/** Names without the images: who only asks what a name is of reads nothing else. */

import type { Digest } from "../oci/digest.ts";
import type { Paths } from "../paths.ts";
import { parseRef } from "./store.ts";

/** The id of the image that a canonical reference names; undefined for a damaged one too: it names nothing. */
export const imageNamed = (paths: Paths, reference: string): Digest | undefined =>
  parseRef(paths, encodeURIComponent(reference))?.value?.image;
