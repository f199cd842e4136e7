/** What nothing in the store refers to any more: dead staging directories, layers without an image, links without a layer. */

import { readdir } from "../linux/directory.ts";
import { readlink, unlink } from "../linux/names.ts";
import { stat } from "../linux/stat.ts";
import { type Digest, hexOf, isDigest } from "../oci/digest.ts";
import type { Paths } from "../paths.ts";
import { readableRecord } from "../record-file.ts";
import { collectPartials } from "./partial.ts";
import { type ImageRecord, readRecord } from "./record.ts";
import { collectStaging, emptyTrash, moveToTrash, withStoreLock } from "./staging.ts";

/**
 * Takes away everything dead. Safe at any time, beside loads, runs and removals; cheap when there is nothing.
 * Containers need no saying: an image that a container uses keeps its record, and a record keeps its layers.
 */
export function collectGarbage(paths: Paths): void {
  if (!readdir(paths.staging)) return; // no store yet
  withStoreLock(paths, "exclusive", () => collectUnused(paths));
  emptyTrash(paths);
}

/** The caller holds the lock exclusively, and empties the trash when it no longer does. */
export function collectUnused(paths: Paths): void {
  collectPartials(paths);
  if (collectStaging(paths).alive) return; // a load may count on a layer that no image has yet
  const chains = new Set<string>();
  const known = new Set<string>();
  const images = (readdir(paths.images) ?? []).map((hex) => `sha256:${hex}`).filter(isDigest);
  for (const id of images) {
    try {
      const record = readRecord(paths, id);
      for (const { chainId } of record?.layers ?? []) chains.add(hexOf(chainId));
      for (const blob of record ? blobsOf(record) : [id]) known.add(hexOf(blob));
    } catch {
      return; // a damaged record: nobody knows which layers it has, so none is touched
    }
  }
  for (const hex of readdir(paths.layers) ?? []) if (!chains.has(hex)) moveToTrash(paths, `${paths.layers}/${hex}`);
  for (const link of readdir(paths.links) ?? []) {
    const hex = readlink(`${paths.links}/${link}`).split("/")[2] ?? "";
    if (!chains.has(hex)) unlink(`${paths.links}/${link}`);
  }
  for (const hex of keptByRepositories(paths)) known.add(hex);
  for (const hex of readdir(paths.blobs) ?? []) if (!known.has(hex)) unlink(`${paths.blobs}/${hex}`);
  for (const name of readdir(paths.sources) ?? []) {
    const file = `${paths.sources}/${name}`;
    const ids = readableRecord(file)?.match(/sha256:[0-9a-f]{64}/g) ?? [];
    if (!ids.some((id) => known.has(id.slice(7))) && stat(file).type === "file") unlink(file);
  }
}

/** Blobs that `registry serve` has to keep, by their digits; the caller holds the lock exclusively. */
export function keptByRepositories(paths: Paths): Iterable<string> {
  if (!readdir(paths.repositories)) return []; // loaded for stores that have any
  const { collectRepositories } = require("./repository/collect.ts") as typeof import("./repository/collect.ts");
  const { imageNamed } = require("./named.ts") as typeof import("./named.ts");
  return collectRepositories(paths, (name) => imageNamed(paths, name)).map(hexOf);
}

/** What its parts are called in `blobs/`: its configuration, its manifests, their indexes and the blobs of their layers. */
const blobsOf = ({ id, manifests }: Pick<ImageRecord, "id" | "manifests">): Digest[] => [
  id,
  ...manifests.flatMap(({ digest, indexes, layers }) => [digest, ...indexes, ...layers]),
];
