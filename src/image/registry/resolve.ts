/** From a tag or digest to the one manifest that is wanted, through the indexes that lead to it. */

import { InvalidError, NotFoundError, UnsupportedError } from "../../errors.ts";
import type { Digest } from "../../oci/digest.ts";
import { artifactOf, type Descriptor, type Manifest, type Platform, parseManifest } from "../../oci/manifest.ts";
import type { Repository } from "../../registry/client.ts";
import { chooseDescriptor, maxNesting } from "../choice.ts";

type Found = NonNullable<Awaited<ReturnType<Repository["manifest"]>>>;

export interface Resolved {
  /** What the tag or digest leads to itself: the index, where there is one. */
  digest: Digest;
  manifest: Found & { content: Manifest };
  /** The outermost first. */
  indexes: Found[];
}

/**
 * @param reference a tag or a digest. @param name for messages. @param asked without it the image for this machine
 * @throws NotFoundError; UnsupportedError for what is no image, or for no platform that is wanted
 */
export async function resolveManifest(
  repository: Repository,
  reference: string,
  name: string,
  asked: Partial<Platform> | undefined,
  signal: AbortSignal,
): Promise<Resolved> {
  const indexes: Found[] = [];
  let descriptor: Descriptor | undefined;
  for (let next = reference; ; next = descriptor.digest) {
    const found = await repository.manifest(next, { signal });
    if (!found) throw missing(repository, name, descriptor);
    if (descriptor && found.bytes.length !== descriptor.size)
      throw new InvalidError(`${name}: ${found.digest} has ${found.bytes.length} bytes, not ${descriptor.size}`);
    const content = parseManifest(found.bytes, `the manifest of ${name}`);
    if (content.kind === "manifest") {
      const other = artifactOf(content);
      if (other !== undefined) throw noImage(name, other);
      return { digest: indexes[0]?.digest ?? found.digest, manifest: { ...found, content }, indexes };
    }
    indexes.push(found);
    if (indexes.length > maxNesting) throw new InvalidError(`${name} has indexes nested deeper than ${maxNesting}`);
    const chosen = chooseDescriptor(content.manifests, asked, name);
    if (typeof chosen === "string") throw noImage(name, chosen);
    descriptor = chosen;
  }
}

const missing = ({ host }: Repository, name: string, descriptor: Descriptor | undefined): Error =>
  descriptor
    ? new InvalidError(`the index of ${name} lists ${descriptor.digest}, which ${host} does not have`)
    : new NotFoundError(`manifest for ${name} not found: manifest unknown`, `${host} has no such image, or hides it`);

const noImage = (name: string, type: string): UnsupportedError =>
  new UnsupportedError(`${name} is no image: it is of type ${JSON.stringify(type.slice(0, 100))}`);
