/** Which of the images that an index lists is wanted: the one for a platform, the best one for this machine. Pure but for what this machine is. */

import { UnsupportedError } from "../errors.ts";
import { hostArchitecture } from "../oci/image.ts";
import type { Descriptor, Platform } from "../oci/manifest.ts";
import { bestForHost, formatAsked, formatPlatform, isAskedFor } from "./platform.ts";

/** Indexes list indexes; deeper than this nobody means it. */
export const maxNesting = 4;

/** BuildKit's provenance, listed like an image for no platform. */
export const isAttestation = ({ platform, annotations }: Descriptor): boolean =>
  platform?.architecture === "unknown" || "vnd.docker.reference.type" in annotations;

/**
 * The manifest or index to go on with. @param subject what lists them. @param asked without it the one for this machine
 * @returns the type of what is listed if nothing of it can be an image. @throws UnsupportedError that names the platforms there are
 */
export function chooseDescriptor(
  descriptors: readonly Descriptor[],
  asked: Partial<Platform> | undefined,
  subject: string,
): Descriptor | string {
  const candidates = descriptors.filter((descriptor) => !isAttestation(descriptor) && isOfImage(descriptor));
  const fitting = asked ? candidates.filter(({ platform }) => platform && isAskedFor(asked, platform)) : candidates;
  const best = bestForHost(fitting, ({ platform }) => platform) ?? (asked && fitting[0]);
  // A descriptor without a platform says nothing against us.
  const chosen = best ?? candidates.find(({ platform }) => !platform?.architecture);
  // One alone is taken whatever it is for: that is for whoever runs it to say.
  const descriptor = chosen ?? (candidates.length === 1 ? candidates[0] : undefined);
  if (descriptor) return descriptor;
  const [other] = descriptors;
  if (candidates.length === 0 && other) return other.artifactType ?? other.mediaType;
  const offered = candidates.map(({ platform }) => (platform ? formatPlatform(platform) : "")).join(", ");
  throw new UnsupportedError(
    `${subject} has no image for ${asked ? formatAsked(asked) : `linux/${hostArchitecture}`}, only ${offered || "none"}`,
  );
}

/** Of a manifest or an index, as far as it says. */
const isOfImage = ({ mediaType, artifactType }: Descriptor): boolean =>
  !artifactType &&
  /^$|manifest\.(list\.)?v\d|index\.v\d|octet-stream|^application\/json$/.test(mediaType) &&
  !/artifact/.test(mediaType);
