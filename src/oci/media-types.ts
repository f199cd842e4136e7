/** Media types of images, as the OCI image specification and Docker name them. */

/** Of the image specification: `manifest.v1+json`. */
export const ociType = (name: string): string => `application/vnd.oci.image.${name}`;

export const manifestType = "application/vnd.oci.image.manifest.v1+json";
export const indexType = "application/vnd.oci.image.index.v1+json";
const dockerManifestType = "application/vnd.docker.distribution.manifest.v2+json";
const dockerIndexType = "application/vnd.docker.distribution.manifest.list.v2+json";

/** What an image, or a list of images, can come as. */
export const manifestTypes: readonly string[] = [indexType, manifestType, dockerIndexType, dockerManifestType];

export const isIndexType = (type: string): boolean => type === indexType || type === dockerIndexType;
