/**
 * What registries' layers take of the disk beside their files, and making room of it: a layer that is kept as it came can be
 * fetched again, or put together again as a plain tar (outgoing.ts).
 */

import { readdir } from "../../linux/directory.ts";
import { unlink } from "../../linux/names.ts";
import { statIfAny } from "../../linux/stat.ts";
import { type Digest, hexOf, isDigest } from "../../oci/digest.ts";
import type { Paths } from "../../paths.ts";
import { keptByRepositories } from "../garbage.ts";
import { collectPartials } from "../partial.ts";
import { parseImage } from "../record.ts";
import { collectStaging, withStoreLock } from "../staging.ts";

interface KeptBlob {
  path: string;
  bytes: number;
  /** When it was pulled. */
  ms: number;
  /** Of images that have it. */
  images: Digest[];
}

/** The layers that are kept as they came, each once; and downloads that were cut off. */
export function keptBytes(paths: Paths, isUsed: (image: Digest) => boolean) {
  const blobs = layerBlobs(paths);
  const partial = (readdir(paths.partial) ?? []).map((name) => statIfAny(`${paths.partial}/${name}`)?.size ?? 0);
  const partialBytes = sum(partial);
  const unused = blobs.filter(({ images }) => !images.some(isUsed)).map(({ bytes }) => bytes);
  return { bytes: sum(blobs.map(({ bytes }) => bytes)) + partialBytes, unusedBytes: sum(unused) + partialBytes };
}

/**
 * Drops layers as they came, those first that were pulled first, until they take no more than that; while an image is loaded,
 * pulled or sent, none, and none that `registry serve` has promised. Images stay what they are. @returns bytes that became free
 */
export function dropLayerBlobs(paths: Paths, keepBytes: number): number {
  return withStoreLock(paths, "exclusive", () => {
    if (collectStaging(paths).alive) return 0;
    const served = new Set(keptByRepositories(paths));
    let [kept, freed] = [0, 0];
    for (const { path, bytes } of layerBlobs(paths).toSorted((a, b) => b.ms - a.ms)) {
      kept += bytes;
      if (kept <= keepBytes || served.has(path.slice(path.lastIndexOf("/") + 1))) continue;
      unlink(path);
      freed += bytes;
    }
    return freed;
  });
}

/** Removes downloads that nobody goes on with, whatever their age. @returns bytes that became free */
export const dropPartials = (paths: Paths): number => collectPartials(paths, { all: true });

function layerBlobs(paths: Paths): KeptBlob[] {
  const found = new Map<Digest, KeptBlob>();
  for (const id of (readdir(paths.images) ?? []).map((hex) => `sha256:${hex}`).filter(isDigest)) {
    const { manifests = [] } = parseImage(paths, id)?.value ?? {};
    for (const digest of new Set(manifests.flatMap(({ layers }) => layers))) {
      const path = `${paths.blobs}/${hexOf(digest)}`;
      const stat = found.has(digest) ? undefined : statIfAny(path, { follow: false });
      if (stat) found.set(digest, { path, bytes: stat.size, ms: Number(stat.mtimeNs / 1_000_000n), images: [] });
      found.get(digest)?.images.push(id);
    }
  }
  return [...found.values()];
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);
