/** Moves images that were built in staging into the store, in the order that makes them exist last. */

import { writeFileAtomic } from "../linux/file.ts";
import { rename } from "../linux/names.ts";
import { syncfs } from "../linux/pread.ts";
import { type Digest, hexOf } from "../oci/digest.ts";
import type { Paths } from "../paths.ts";
import { installLayer } from "./layer.ts";
import { formatRecord, type ImageRecord } from "./record.ts";
import { type Staging, withStoreLock } from "./staging.ts";
import { formatRef, refFile } from "./store.ts";

/** An image whose layers are in the store or in staging. */
export interface BuiltImage {
  id: Digest;
  config: Uint8Array | string;
  layers: ImageRecord["layers"];
  /** Canonical. */
  references: string[];
}

/** @param staged directories of the new layers, each described by its meta.json. @param more files to put in place with the names */
export function installImages(
  paths: Paths,
  staging: Staging,
  staged: Map<Digest, { directory: string }>,
  images: readonly BuiltImage[],
  more: [to: string, content: string][] = [],
): void {
  const records: [from: string, to: string][] = [];
  const prepare = (to: string, content: string | Uint8Array) => {
    const from = `${staging.path}/record${records.length}`;
    writeFileAtomic(from, typeof content === "string" ? content : new TextDecoder().decode(content));
    records.push([from, to]);
  };
  for (const { id, config, layers } of images) {
    const parts = layers.map(({ chainId, link, sizeBytes }) => ({ chainId, link, sizeBytes }));
    prepare(`${paths.blobs}/${hexOf(id)}`, config);
    prepare(`${paths.images}/${hexOf(id)}`, formatRecord({ id, layers: parts }));
  }
  for (const { id, references } of images)
    for (const reference of references) prepare(refFile(paths, reference), formatRef(reference, id));
  for (const [to, content] of more) prepare(to, content);
  // After a power cut a name must not be there without what it names.
  syncfs(staging.fd, paths.root);
  // Somebody who removes the same image right now must see all of this or nothing.
  withStoreLock(paths, "shared", () => {
    for (const [chainId, { directory }] of staged) installLayer(paths, directory, chainId);
    for (const [from, to] of records) rename(from, to);
  });
}
