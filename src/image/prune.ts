/** Removes images that nobody needs, and tells how much room that made. */

import type { Digest } from "../oci/digest.ts";
import type { Paths } from "../paths.ts";
import { readRecord } from "./record.ts";
import { removeImage } from "./remove.ts";
import { listImages } from "./store.ts";

export interface Pruned {
  untagged: string[];
  deleted: Digest[];
  /** Bytes of the files in layers that are gone. */
  reclaimedBytes: number;
}

/** Images without a name, or with `all` also those with names. What a container uses stays. */
export function pruneImages(
  paths: Paths,
  { all, inUse }: { all: boolean; inUse: (id: Digest) => string | undefined },
): Pruned {
  const before = layerSizes(paths);
  const pruned: Pruned = { untagged: [], deleted: [], reclaimedBytes: 0 };
  for (const { id, references } of listImages(paths)) {
    if ((references.length > 0 && !all) || inUse(id)) continue;
    const { untagged, deleted } = removeImage(paths, id, { force: true, inUse });
    pruned.untagged.push(...untagged);
    if (deleted) pruned.deleted.push(deleted);
  }
  const after = layerSizes(paths);
  for (const [chainId, bytes] of before) if (!after.has(chainId)) pruned.reclaimedBytes += bytes;
  return pruned;
}

/** Of every layer that an image has, each once. */
function layerSizes(paths: Paths): Map<Digest, number> {
  const layers = listImages(paths).flatMap(({ id }) => readRecord(paths, id)?.layers ?? []);
  return new Map(layers.map(({ chainId, sizeBytes }) => [chainId, sizeBytes]));
}
