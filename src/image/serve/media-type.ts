/** Types of manifests: which ones this registry takes and gives, and what a client's Accept says of them. Pure. */

const manifestTypes = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
] as const;
const indexTypes = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
] as const;

export const knownTypes: readonly string[] = [...manifestTypes, ...indexTypes];

export const isIndexType = (type: string): boolean => (indexTypes as readonly string[]).includes(type);

/** A media type without its parameters, in small letters. */
export const essenceOf = (header: string): string => header.replace(/;.*$/s, "").trim().toLowerCase();

/** What a manifest says it is; of one that does not, what it looks like. Undefined for what is no manifest. */
export function mediaTypeOf(bytes: Uint8Array): string | undefined {
  const { mediaType, manifests, layers } = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
  if (typeof mediaType === "string") return mediaType;
  if (Array.isArray(manifests)) return indexTypes[0];
  return Array.isArray(layers) ? manifestTypes[0] : undefined;
}

/** True if a client that sent this Accept can do with a type. One that names no type of a manifest takes what comes. */
export function acceptable(accept: string | null, type: string): boolean {
  const asked = (accept ?? "").split(",").map(essenceOf);
  const names = asked.filter((one) => knownTypes.includes(one));
  return names.length === 0 || names.includes(type) || asked.some((one) => one === "*/*" || one === "application/*");
}
