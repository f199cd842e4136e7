/**
 * Pulls one image: its manifest, its configuration, then the layers that are not here yet. They are downloaded beside each other
 * and extracted one upon the other, each while it comes in; names are given when everything is in the store.
 */

import { InvalidError } from "../../errors.ts";
import { close } from "../../linux/file.ts";
import { unlink } from "../../linux/names.ts";
import { type Digest, digestOf, hexOf } from "../../oci/digest.ts";
import { type ImageConfig, parseImageConfig } from "../../oci/image.ts";
import { maxJsonBytes } from "../../oci/json.ts";
import type { Descriptor } from "../../oci/manifest.ts";
import type { Paths } from "../../paths.ts";
import { readableRecord } from "../../record-file.ts";
import type { Repository } from "../../registry/client.ts";
import { collectGarbage } from "../garbage.ts";
import { installImages } from "../install.ts";
import { chainIdOf, findLayer } from "../layer.ts";
import { holdPartial, partialFile } from "../partial.ts";
import { checkPlatform } from "../platform.ts";
import { formatReference } from "../reference.ts";
import { createStaging, prepareStore } from "../staging.ts";
import { findNamedImage } from "../store.ts";
import { pullLayers } from "./layers.ts";
import type { Pulled, PullOptions, Wanted, WantedLayer } from "./request.ts";
import { type Resolved, resolveManifest } from "./resolve.ts";

/** @throws what the registry refuses; InvalidError for what does not keep its promises: then no name has changed */
export async function pullImage(
  paths: Paths,
  repository: Repository,
  wanted: Wanted,
  options: PullOptions,
): Promise<Pulled> {
  Bun.unsafe.setJITPolicy?.(1); // the cli is compiled to start quickly, this is the long run
  const { name, tag, digest } = wanted;
  const asked = digest ? { name, digest } : { name, tag: tag ?? "latest" };
  const reference = formatReference(asked);
  const { signal, platform } = options;
  const resolved = await resolveManifest(repository, digest ?? tag ?? "latest", reference, platform, signal);
  await options.check?.(resolved);
  const references = [...new Set([reference, formatReference({ name, digest: resolved.digest })])];
  prepareStore(paths);
  const release = await lockImage(paths, resolved.manifest.digest, signal);
  try {
    collectGarbage(paths);
    const before = findNamedImage(paths, reference)?.id;
    const id = await pullResolved(paths, repository, resolved, references, options);
    return { id, digest: resolved.digest, references, isNew: before !== id };
  } finally {
    release();
  }
}

/** Two pulls of one image: the second waits, and then finds everything there. */
async function lockImage(paths: Paths, manifest: Digest, signal: AbortSignal): Promise<() => void> {
  for (;;) {
    signal.throwIfAborted();
    const held = holdPartial(paths, manifest, Number.NaN);
    if (held)
      return () => {
        unlink(partialFile(paths, manifest));
        close(held.fd);
      };
    await Bun.sleep(100);
  }
}

async function pullResolved(
  paths: Paths,
  repository: Repository,
  resolved: Resolved,
  references: string[],
  options: PullOptions,
): Promise<Digest> {
  const { manifest, indexes } = resolved;
  const { config: described, layers: blobs } = manifest.content;
  const staging = createStaging(paths); // from now on no layer that we see is collected
  try {
    const content = await readConfig(paths, repository, described, options.signal);
    const config = parseImageConfig(content, `the configuration of ${references[0]}`);
    requireFitting(references[0]!, config, blobs, options);
    const layers = layersOf(config, blobs).map((layer) => ({ ...layer, known: findLayer(paths, layer.chainId) }));
    await using pulled = await pullLayers(paths, repository, staging, layers, options);
    const kept = { digest: manifest.digest, mediaType: manifest.mediaType };
    const contents = new Map([manifest, ...indexes].map(({ digest, bytes }) => [digest, bytes]));
    const image = {
      id: described.digest,
      config: content,
      layers: pulled.metas,
      references,
      manifest: {
        ...kept,
        indexes: indexes.map(({ digest }) => digest),
        layers: blobs.map(({ digest }) => digest),
        contents,
      },
    };
    installImages(paths, staging, pulled.staged, [image], [], pulled.files);
    return described.digest;
  } finally {
    staging.discard();
  }
}

/** Small enough to be kept in memory; the store may have it. */
async function readConfig(paths: Paths, repository: Repository, descriptor: Descriptor, signal: AbortSignal) {
  const { digest, size } = descriptor;
  const stored = readableRecord(`${paths.blobs}/${hexOf(digest)}`);
  if (stored !== undefined && digestOf(stored) === digest) return new TextEncoder().encode(stored);
  if (size > maxJsonBytes) throw new InvalidError(`the configuration ${digest} is larger than ${maxJsonBytes} bytes`);
  const pieces: Uint8Array[] = [];
  for await (const piece of repository.blob(descriptor, { signal })) pieces.push(piece.slice());
  const content = Buffer.concat(pieces);
  if (digestOf(content) !== digest)
    throw new InvalidError(
      `${repository.host} sends another configuration than ${digest}: its digest is ${digestOf(content)}`,
    );
  return new Uint8Array(content);
}

function requireFitting(name: string, config: ImageConfig, blobs: Descriptor[], { platform }: PullOptions): void {
  if (platform) checkPlatform(name, platform, config, "pull without --platform takes it");
  const count = config.rootfs.diff_ids.length;
  if (count !== blobs.length)
    throw new InvalidError(`${name}: the manifest lists ${blobs.length} layers, the configuration ${count}`);
}

function layersOf({ rootfs }: ImageConfig, blobs: Descriptor[]): WantedLayer[] {
  let chainId: Digest | undefined;
  return blobs.map((blob, index) => {
    const diffId = rootfs.diff_ids[index] as Digest;
    chainId = chainIdOf(chainId, diffId);
    return { chainId, diffId, blob };
  });
}
