/**
 * Sends an image, or a list of several, to a registry: its blobs, those that are there already or next door not again, and its
 * manifest last. The bytes are those that it was pulled as, so it has the same digest there; of an image that came by no
 * manifest they are made once, and kept (making.ts).
 */

import { NotFoundError } from "../../errors.ts";
import { writeFileAtomic } from "../../linux/file.ts";
import { statIfAny } from "../../linux/stat.ts";
import { type Digest, hexOf } from "../../oci/digest.ts";
import { type Descriptor, parseManifest } from "../../oci/manifest.ts";
import { indexType } from "../../oci/media-types.ts";
import type { Paths } from "../../paths.ts";
import { readKeptFile } from "../../record-file.ts";
import type { Repository } from "../../registry/client.ts";
import { splitName } from "../../registry/names.ts";
import { readRecord, shortId } from "../record.ts";
import { fullName, isDigestName, repositoryOf } from "../reference.ts";
import { createStaging, withStoreLock } from "../staging.ts";
import { formatRef, readAnyImage, refFile } from "../store.ts";
import { type LayerCompression, type OutgoingManifest, outgoingManifest } from "./making.ts";
import type { OnLayer, PushStatus } from "./request.ts";

export interface PushOptions {
  /** Of layers; they are then sent in another form than they came in. */
  compression?: LayerCompression | undefined;
  onLayer: OnLayer;
}

export interface PushResult {
  digest: Digest;
  /** Of the manifest. */
  size: number;
}

/** @param tags names that it gets there. */
export async function pushImage(
  paths: Paths,
  repository: Repository,
  { id, name, tags }: { id: Digest; name: string; tags: readonly string[] },
  { compression, onLayer }: PushOptions,
): Promise<PushResult> {
  const staging = createStaging(paths); // while it lives, nothing of it is collected
  try {
    const manifest = await outgoingManifest(paths, id, compression ? { compression } : {});
    await pushBlobs(paths, repository, manifest, sourcesOf(paths, id, repository), onLayer);
    for (const tag of tags) await repository.putManifest(tag, manifest.mediaType, manifest.bytes);
    addDigestName(paths, id, `${name}@${manifest.digest}`);
    return { digest: manifest.digest, size: manifest.bytes.length };
  } finally {
    staging.discard();
  }
}

/**
 * Sends an index with all manifests that it lists.
 * @throws NotFoundError for a blob that is neither here nor there
 */
export async function pushIndex(
  paths: Paths,
  repository: Repository,
  { digest, tags }: { digest: Digest; tags: readonly string[] },
  { onLayer }: PushOptions,
): Promise<PushResult> {
  const staging = createStaging(paths);
  try {
    const index = readOutgoing(paths, digest, "");
    const size = await pushTree(paths, repository, index, onLayer);
    for (const tag of tags) await repository.putManifest(tag, index.mediaType, index.bytes);
    return { digest, size };
  } finally {
    staging.discard();
  }
}

async function pushTree(
  paths: Paths,
  repository: Repository,
  outgoing: OutgoingManifest,
  onLayer: PushOptions["onLayer"],
): Promise<number> {
  const parsed = parseManifest(outgoing.bytes, `manifest ${outgoing.digest}`);
  if (parsed.kind === "manifest") await pushBlobs(paths, repository, outgoing, [], onLayer);
  else
    for (const { digest, mediaType } of parsed.manifests) {
      const child = readOutgoing(paths, digest, mediaType);
      await pushTree(paths, repository, child, onLayer);
      await repository.putManifest(digest, child.mediaType, child.bytes);
    }
  return outgoing.bytes.length;
}

function readOutgoing(paths: Paths, digest: Digest, mediaType: string): OutgoingManifest {
  const file = blobFile(paths, digest);
  if (!statIfAny(file)) throw new NotFoundError(`the manifest ${digest} is not here`, "pull it, and add it again");
  const bytes = readKeptFile(file);
  const own = (JSON.parse(new TextDecoder().decode(bytes)) as { mediaType?: string }).mediaType;
  return { digest, mediaType: own ?? (mediaType || indexType), bytes };
}

const blobFile = (paths: Paths, digest: Digest): string => `${paths.blobs}/${hexOf(digest)}`;

const atOnce = 3;

/** Three at once, as for a pull: one alone waits for the registry's answers. */
async function pushBlobs(
  paths: Paths,
  repository: Repository,
  { bytes, digest }: OutgoingManifest,
  sources: readonly string[],
  onLayer: PushOptions["onLayer"],
): Promise<void> {
  const parsed = parseManifest(bytes, `manifest ${digest}`);
  if (parsed.kind === "index") return;
  const layers = parsed.layers.filter(({ urls }) => !urls?.length);
  for (const layer of layers) onLayer({ id: shortId(layer.digest), status: "Preparing" });
  const waiting = [...new Map([...layers, parsed.config].map((blob) => [blob.digest, blob])).values()];
  const next = async (): Promise<void> => {
    for (let blob = waiting.shift(); blob; blob = waiting.shift()) {
      const told = blob === parsed.config ? () => {} : onLayer;
      told({ id: shortId(blob.digest), status: await pushBlob(paths, repository, blob, sources, told) });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, next));
}

async function pushBlob(
  paths: Paths,
  repository: Repository,
  blob: Descriptor,
  sources: readonly string[],
  onLayer: PushOptions["onLayer"],
): Promise<PushStatus> {
  const { digest, size } = blob;
  if (await repository.hasBlob(digest)) return "Layer already exists";
  for (const from of sources) if (await repository.mountBlob(digest, from)) return `Mounted from ${from}`;
  const path = blobFile(paths, digest);
  if (statIfAny(path)?.size !== size)
    throw new NotFoundError(
      `${digest} is neither here nor at ${repository.host}`,
      "pull the image that it is of first",
    );
  const totalBytes = size;
  onLayer({ id: shortId(blob.digest), status: "Pushing", bytes: 0, totalBytes });
  const onBytes = (bytes: number) => onLayer({ id: shortId(blob.digest), status: "Pushing", bytes, totalBytes });
  await repository.putBlob(digest, size, (from) => Bun.file(path).slice(from), onBytes);
  return "Pushed";
}

const maxSources = 3;

/** Paths of repositories of the same host that the image was pulled from or pushed to: its blobs may be taken over from there. */
function sourcesOf(paths: Paths, id: Digest, { host, path }: Repository): string[] {
  const kept = readRecord(paths, id)?.manifests.length ?? 0;
  if (kept === 0) return [];
  const names = (readAnyImage(paths, id)?.references ?? [])
    .filter(isDigestName)
    .map((one) => splitName(fullName(repositoryOf(one))));
  const others = names.filter((one) => one.host === host && one.path !== path).map((one) => one.path);
  return [...new Set(others)].slice(0, maxSources);
}

/** What RepoDigests tells from then on; not of an image that was removed meanwhile. */
function addDigestName(paths: Paths, id: Digest, name: string): void {
  withStoreLock(paths, "shared", () => {
    if (statIfAny(`${paths.images}/${hexOf(id)}`)) writeFileAtomic(refFile(paths, name), formatRef(name, id));
  });
}
