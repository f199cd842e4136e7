/** What of the repositories is alive, and with it which blobs stay. */

import { unlink } from "../../linux/names.ts";
import { statIfAny } from "../../linux/stat.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Paths } from "../../paths.ts";
import {
  blobLink,
  listBlobLinks,
  listManifests,
  listRepositories,
  listTags,
  type ManifestRecord,
  manifestFile,
  readTag,
  removeIfEmpty,
  tagFile,
} from "./records.ts";

/** How long a blob waits for a manifest that has it. */
const maxLinkMs = 24 * 3600_000;

/**
 * Takes away the records of what is dead: tags and manifests of images that were removed here, with what those alone had (the
 * manifests of an index, signatures of it), and blobs that waited in vain. The caller holds the store's lock exclusively.
 * @param imageNamed the image that a canonical reference names. @returns the blobs that are to stay
 */
export function collectRepositories(paths: Paths, imageNamed: (reference: string) => Digest | undefined): Digest[] {
  return listRepositories(paths).flatMap((name) => {
    const tagged = collectTags(paths, name, imageNamed);
    const manifests = listManifests(paths, name);
    const isNamed = ({ digest, image }: ManifestRecord) =>
      image === undefined || tagged.has(digest) || imageNamed(`${name}@${digest}`) === image;
    const dead = findDead(manifests, tagged, isNamed);
    for (const { digest } of manifests) if (dead.has(digest)) unlink(manifestFile(paths, name, digest));
    const left = new Set(manifests.flatMap(({ digest, blobs }) => (dead.has(digest) ? blobs : [])));
    const alive = manifests.filter(({ digest }) => !dead.has(digest));
    const kept = new Set(alive.flatMap(({ digest, blobs }) => [digest, ...blobs]));
    for (const blob of listBlobLinks(paths, name)) {
      const link = blobLink(paths, name, blob);
      if (!kept.has(blob) && !left.has(blob) && ageMs(link) < maxLinkMs) kept.add(blob);
      else unlink(link);
    }
    if (kept.size === 0) removeIfEmpty(paths, name);
    return [...kept];
  });
}

/** @returns the manifests that tags name. */
function collectTags(paths: Paths, name: string, imageNamed: (reference: string) => Digest | undefined): Set<Digest> {
  const tagged = new Set<Digest>();
  for (const tag of listTags(paths, name)) {
    const record = readTag(paths, name, tag);
    const counts = record && (record.image === undefined || record.image === imageNamed(`${name}:${tag}`));
    if (counts) tagged.add(record.manifest);
    else unlink(tagFile(paths, name, tag));
  }
  return tagged;
}

/** Pure: manifests that nothing names, and those that only they had. */
export function findDead(
  manifests: readonly ManifestRecord[],
  tagged: ReadonlySet<Digest>,
  isNamed: (manifest: ManifestRecord) => boolean,
): Set<Digest> {
  const dead = new Set<Digest>();
  const isListed = (digest: Digest) => manifests.some((one) => !dead.has(one.digest) && one.manifests.includes(digest));
  const isLeft = ({ digest, subject }: ManifestRecord) =>
    manifests.some((one) => dead.has(one.digest) && (one.manifests.includes(digest) || one.digest === subject));
  for (let before = -1; before !== dead.size; ) {
    before = dead.size;
    for (const manifest of manifests) {
      const { digest } = manifest;
      if (dead.has(digest) || tagged.has(digest) || isListed(digest)) continue;
      if (!isNamed(manifest) || isLeft(manifest)) dead.add(digest);
    }
  }
  return dead;
}

function ageMs(path: string): number {
  const found = statIfAny(path);
  return found ? Date.now() - Number(found.mtimeNs / 1_000_000n) : Number.POSITIVE_INFINITY;
}
