/**
 * One repository of one registry: what the OCI distribution spec lets a client do with it.
 * @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md
 */

import type { Digest } from "../oci/digest.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { readBlob } from "./blob.ts";
import { type FoundManifest, type ManifestHead, readManifest, readManifestHead, writeManifest } from "./manifests.ts";
import { type Endpoint, endpointsOf, hostEndpoint, splitName } from "./names.ts";
import { newPlace, type Opened } from "./place.ts";
import type { RegistrySettings } from "./settings.ts";
import { readTags } from "./tags.ts";
import { blobIsThere, mountBlob, type Opener, writeBlob } from "./upload.ts";

export interface Repository {
  /** As users write it: `docker.io`. */
  readonly host: string;
  readonly path: string;
  /**
   * A manifest or an index by tag or digest, of the first endpoint that has it; with a digest its bytes are those of that digest.
   * Its media type is that of its header and, where it names one, of its content.
   * @returns undefined where no endpoint has it
   */
  manifest(reference: string, options?: { signal?: AbortSignal }): Promise<FoundManifest | undefined>;
  /** What a tag leads to, without the manifest itself. */
  headManifest(reference: string, options?: { signal?: AbortSignal }): Promise<ManifestHead | undefined>;
  /**
   * A blob from byte `from` on. It goes on after a cut or a stall, at the next endpoint if it must, and ends when all `size` bytes
   * have come, or throws. Nobody has looked at the digest.
   * @param options.urls where else it may be: of layers that registries do not keep
   */
  blob(
    descriptor: Pick<Descriptor, "digest" | "size">,
    options?: { from?: number; signal?: AbortSignal; urls?: string[] },
  ): AsyncIterable<Uint8Array>;
  hasBlob(digest: Digest): Promise<boolean>;
  /** Takes a blob over from another repository of the host. @returns true if it is there now */
  mountBlob(digest: Digest, from: string): Promise<boolean>;
  /** Writes a blob. @param open its content from a byte on, to the end, anew each time. @param onBytes hears how many have gone. */
  putBlob(digest: Digest, size: number, open: Opener, onBytes?: (sent: number) => void): Promise<void>;
  /** @param reference a tag, or the digest of the bytes. @returns the digest that it has there, which is that of the bytes */
  putManifest(reference: string, mediaType: string, bytes: Uint8Array): Promise<Digest>;
  /** All tags, in the registry's order. */
  tags(): AsyncIterable<string>;
}

/**
 * @param name with its host and without a tag: `docker.io/library/busybox`
 * @param scope what tokens are asked for
 * @throws UnsupportedError for a blocked registry
 */
export function openRepository(name: string, settings: RegistrySettings, scope: "pull" | "pull,push"): Repository {
  const { host, path } = splitName(name);
  const endpoints: Endpoint[] = endpointsOf({ host, path }, settings);
  // Who writes wants to know what is there, not what was there when a mirror looked.
  const used = scope === "pull" ? endpoints : [hostEndpoint({ host, path }, settings)];
  const places = used.map((endpoint) => newPlace(settings, endpoint, endpoint.isMirror ? "pull" : scope));
  const opened: Opened = { name, host, path, settings, places };
  return {
    host,
    path,
    manifest: (reference, { signal } = {}) => readManifest(opened, reference, signal),
    headManifest: (reference, { signal } = {}) => readManifestHead(opened, reference, signal),
    blob: (descriptor, options = {}) => readBlob(opened, descriptor, options),
    hasBlob: (digest) => blobIsThere(opened, digest),
    mountBlob: (digest, from) => mountBlob(opened, digest, from),
    putBlob: (digest, size, open, onBytes) => writeBlob(opened, digest, size, open, onBytes),
    putManifest: (reference, mediaType, bytes) => writeManifest(opened, reference, mediaType, bytes),
    tags: () => readTags(opened),
  };
}
