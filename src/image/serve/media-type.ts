/** Types of manifests: which ones this registry takes and gives, and what a client's Accept says of them. Pure. */

import { indexType, manifestType, manifestTypes } from "../../oci/media-types.ts";

/** A media type without its parameters, in small letters. */
export const essenceOf = (header: string): string => header.replace(/;.*$/s, "").trim().toLowerCase();

/** What a manifest says it is; of one that does not, what it looks like. Undefined for what is no manifest. */
export function mediaTypeOf(bytes: Uint8Array): string | undefined {
  const { mediaType, manifests, layers } = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
  if (typeof mediaType === "string") return mediaType;
  if (Array.isArray(manifests)) return indexType;
  return Array.isArray(layers) ? manifestType : undefined;
}

/** True if a client that sent this Accept can do with a type. One that names no type of a manifest takes what comes. */
export function acceptable(accept: string | null, type: string): boolean {
  const asked = (accept ?? "").split(",").map(essenceOf);
  const names = asked.filter((one) => manifestTypes.includes(one));
  return names.length === 0 || names.includes(type) || asked.some((one) => one === "*/*" || one === "application/*");
}
