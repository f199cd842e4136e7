/** Removes images that nobody needs, and tells how much room that made. */

import type { Failure } from "../../errors.ts";
import { knownLayers } from "../../image/record.ts";
import { tagsOf } from "../../image/reference.ts";
import { listImages } from "../../image/store.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Paths } from "../../paths.ts";
import { recordPrune } from "../record/events.ts";
import { removeOne } from "../record/one-of-many.ts";
import { rmi } from "./remove.ts";
import { imageUser } from "./users.ts";

export interface Pruned {
  untagged: string[];
  deleted: Digest[];
  /** Bytes of the files in layers that are gone. */
  reclaimedBytes: number;
  /** Of what could not be removed: none is in the way of the others. */
  failures: Failure[];
}

/** What filters know of an object. */
export interface Dated {
  labels: Record<string, string> | undefined;
  /** RFC 3339. */
  created: string;
}

export type Chosen = (object: Dated) => boolean;

/** Images without a name, or with `all` also those with names. What a container uses stays. */
export function pruneImages(paths: Paths, { all, chosen = () => true }: { all: boolean; chosen?: Chosen }): Pruned {
  const before = layerSizes(paths);
  const inUse = imageUser(paths);
  const pruned: Pruned = { untagged: [], deleted: [], reclaimedBytes: 0, failures: [] };
  for (const { id, references, config, created } of listImages(paths)) {
    if ((tagsOf({ references }).length > 0 && !all) || inUse(id)) continue;
    if (!chosen({ labels: config.config.Labels, created })) continue;
    const isName = references.length > 0;
    for (const reference of isName ? references : [id])
      if (!pruned.untagged.includes(reference)) removeUnused(paths, reference, isName, pruned);
  }
  const after = layerSizes(paths);
  for (const [chainId, bytes] of before) if (!after.has(chainId)) pruned.reclaimedBytes += bytes;
  recordPrune(paths, "image", pruned.reclaimedBytes);
  return pruned;
}

/** Not by force: a container may begin to use it right now. */
function removeUnused(paths: Paths, reference: string, isName: boolean, pruned: Pruned): void {
  removeOne(pruned.failures, () => {
    const { untagged, deleted } = rmi(paths, reference, { force: false, isName });
    pruned.untagged.push(...untagged);
    if (deleted) pruned.deleted.push(deleted);
  });
}

/** Of every layer that an image has, each once. */
function layerSizes(paths: Paths): Map<Digest, number> {
  const layers = listImages(paths).flatMap(({ id }) => knownLayers(paths, id));
  return new Map(layers.map(({ chainId, sizeBytes }) => [chainId, sizeBytes]));
}
