/** Kinds of manifests, as registries call them. */

import { manifestTypes } from "../oci/media-types.ts";

/** Schema 1, which no registry has to keep any more, and nobody should trust: its digest is not that of its bytes. */
export const isSchema1 = (mediaType: string): boolean =>
  /^application\/vnd\.docker\.distribution\.manifest\.v1\+(json|prettyjws)$/.test(mediaType);

export const acceptManifests = manifestTypes.join(", ");

/** What servers say of files that they know nothing of. */
export const isUntold = (mediaType: string): boolean =>
  ["", "application/json", "application/octet-stream", "text/plain", "binary/octet-stream"].includes(mediaType);
