/** Moves images that were built in staging into the store, in the order that makes them exist last. */

import { hasCode } from "../errors.ts";
import { O_CREAT, O_EXCL, O_WRONLY, withFile, writeAll } from "../linux/file.ts";
import { rename } from "../linux/names.ts";
import { syncfs } from "../linux/pread.ts";
import { type Digest, hexOf } from "../oci/digest.ts";
import type { Paths } from "../paths.ts";
import { installLayer } from "./layer.ts";
import { formatRecord, type ImageRecord, type KeptManifest, parseImage } from "./record.ts";
import { type Staging, withStoreLock } from "./staging.ts";
import { formatRef, refFile } from "./store.ts";

/** An image whose layers are in the store or in staging. */
export interface BuiltImage {
  id: Digest;
  config: Uint8Array | string;
  layers: ImageRecord["layers"];
  /** Canonical. */
  references: string[];
  /** Of one that was pulled: how it came, and the contents of the manifest and its indexes. */
  manifest?: KeptManifest & {
    contents: Map<Digest, Uint8Array>;
    /** It was made because somebody wanted it so: where nobody says, the image goes by those that it has. */
    isSecondary?: boolean;
  };
}

/**
 * @param staged directories of the new layers, each described by its meta.json.
 * @param more files to put in place with the names. @param blobs files that become blobs: downloads that are whole
 */
export function installImages(
  paths: Paths,
  staging: Staging,
  staged: Map<Digest, { directory: string }>,
  images: readonly BuiltImage[],
  more: [to: string, content: string][] = [],
  blobs: [from: string, digest: Digest][] = [],
): void {
  const records: [from: string, to: string][] = [];
  const prepare = (to: string, content: string | Uint8Array) => {
    const from = `${staging.path}/record${records.length}`;
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    withFile(from, O_WRONLY | O_CREAT | O_EXCL, (fd) => writeAll(fd, bytes, from));
    records.push([from, to]);
  };
  for (const { id, config, layers, manifest } of images) {
    const parts = layers.map(({ chainId, link, sizeBytes }) => ({ chainId, link, sizeBytes }));
    prepare(`${paths.blobs}/${hexOf(id)}`, config);
    for (const [digest, content] of manifest?.contents ?? []) prepare(`${paths.blobs}/${hexOf(digest)}`, content);
    prepare(
      `${paths.images}/${hexOf(id)}`,
      formatRecord({ id, layers: parts, manifests: manifestsOf(paths, id, manifest) }),
    );
  }
  for (const { id, references } of images)
    for (const reference of references) prepare(refFile(paths, reference), formatRef(reference, id));
  for (const [to, content] of more) prepare(to, content);
  // After a power cut a name must not be there without what it names.
  syncfs(staging.fd, paths.root);
  // Somebody who removes the same image right now must see all of this or nothing.
  withStoreLock(paths, "shared", () => {
    for (const [chainId, { directory }] of staged) installLayer(paths, directory, chainId);
    for (const [from, digest] of blobs) moveIfAny(from, `${paths.blobs}/${hexOf(digest)}`);
    for (const [from, to] of records) rename(from, to);
  });
}

/** Those that the image has already, and last the one that it came by now; a secondary one first. */
function manifestsOf(paths: Paths, id: Digest, now: BuiltImage["manifest"]): KeptManifest[] {
  const known = parseImage(paths, id)?.value?.manifests ?? [];
  if (!now) return known;
  const { digest, mediaType, indexes, layers } = now;
  if (now.isSecondary && known.some((other) => other.digest === digest)) return known;
  const others = known.filter((other) => other.digest !== digest);
  const added = { digest, mediaType, indexes, layers };
  return now.isSecondary ? [added, ...others] : [...others, added];
}

/** Of two that pull the same blob, the first has moved it. */
function moveIfAny(from: string, to: string): void {
  try {
    rename(from, to);
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
  }
}
