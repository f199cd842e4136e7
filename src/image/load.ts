/**
 * Loads image files into the store. Everything is built in a staging directory and verified there; then, in this order, the disk
 * is synced, the layers get their names, the configuration, the image's record and last its references. Whoever is killed in
 * between leaves layers without an image and a staging directory without a living owner: food for `collectGarbage`.
 */

import { InvalidError, UsageError } from "../errors.ts";
import { syncfs } from "../linux/at.ts";
import { rename, writeFileAtomic } from "../linux/file.ts";
import { type Digest, digestOf, hexOf } from "../oci/digest.ts";
import { hostArchitecture, type ImageConfig, parseImageConfig } from "../oci/image.ts";
import type { Paths } from "../paths.ts";
import type { ArchivedImage } from "./archive-files.ts";
import type { ByteRange } from "./compression.ts";
import { collectGarbage } from "./garbage.ts";
import { ArchiveFound, openInput, readArchiveInput, watchForArchive } from "./input.ts";
import {
  chainIdOf,
  describeLayer,
  extractLayer,
  findLayer,
  installLayer,
  type LayerMeta,
  layerDirectory,
} from "./layer.ts";
import { formatRecord } from "./record.ts";
import { normaliseReference, referenceOfFile } from "./reference.ts";
import { formatSource, identifySource, sourceFile } from "./source.ts";
import { createStaging, prepareStore, type Staging, withStoreLock } from "./staging.ts";
import { refFile } from "./store.ts";

export interface LoadOptions {
  /** Names the image; only for files that hold one. */
  reference?: string;
  onProgress?: (progress: LoadProgress) => void;
}

export interface LoadProgress {
  /** The layer being extracted, from 1, of those that are not in the store yet. */
  layer: number;
  ofLayers: number;
  /** Bytes read of all of them, and how many they are, as stored. */
  bytes: number;
  totalBytes: number;
}

export interface LoadedImage {
  id: Digest;
  /** Canonical. */
  references: string[];
}

/**
 * Loads every image of a file: a root filesystem tar, a `docker save` archive, an OCI layout (tar or directory), each as it is or
 * compressed. A single image that has no name gets one from the file's.
 * @throws InvalidError if the file breaks its format or its digests; then nothing of it is in the store
 */
export async function loadImages(paths: Paths, file: string, options: LoadOptions = {}): Promise<LoadedImage[]> {
  const wanted = options.reference === undefined ? undefined : normaliseReference(options.reference);
  Bun.unsafe.setJITPolicy?.(1); // the cli is compiled to start quickly, this is the long run
  const identity = identifySource(file);
  prepareStore(paths);
  collectGarbage(paths);
  const staging = createStaging(paths);
  try {
    const input = openInput(file, `${staging.path}/input`);
    try {
      const load = createLoad(paths, staging, options.onProgress);
      const images = await load.all(input.range, input.images);
      const [only] = images;
      if (wanted !== undefined && images.length > 1)
        throw new UsageError(`${file} holds ${images.length} images: one name cannot be given to all`);
      if (only && wanted !== undefined) only.references = [wanted];
      else if (only && images.length === 1 && only.references.length === 0 && input.named)
        only.references = [referenceOfFile(file)];
      const unchanged = identity && identifySource(file)?.stamp === identity.stamp;
      load.commit(images, unchanged ? identity : undefined);
      return images.map(({ id, references }) => ({ id, references }));
    } finally {
      input.close();
    }
  } finally {
    staging.discard();
  }
}

/** An image whose layers are in the store or in staging. */
interface Built {
  id: Digest;
  config: Uint8Array | string;
  layers: LayerMeta[];
  references: string[];
}

function createLoad(paths: Paths, staging: Staging, onProgress: LoadOptions["onProgress"]) {
  const staged = new Map<Digest, { directory: string; meta: LayerMeta }>();
  const progress: LoadProgress = { layer: 0, ofLayers: 1, bytes: 0, totalBytes: 0 };
  const onBytes = (bytes: number) => {
    progress.bytes += bytes;
    onProgress?.({ ...progress });
  };
  let attempts = 0;
  const nextDirectory = () => `${staging.path}/layer${attempts++}`;
  const fsOf = (meta: LayerMeta): string =>
    `${staged.get(meta.chainId)?.directory ?? layerDirectory(paths, meta.chainId)}/fs`;

  async function all(range: ByteRange | undefined, images: ArchivedImage[] | undefined): Promise<Built[]> {
    if (images) return archive(images);
    if (!range) throw new InvalidError("nothing to load");
    try {
      return [await rootfs(range, true)];
    } catch (error) {
      if (!(error instanceof ArchiveFound)) throw error;
    }
    const found = await readArchiveInput(range, `${staging.path}/archive`);
    try {
      return found.images ? await archive(found.images) : [await rootfs(found.range, false)];
    } finally {
      found.close();
    }
  }

  async function rootfs(range: ByteRange, mayBeArchive: boolean): Promise<Built> {
    Object.assign(progress, { layer: 1, ofLayers: 1, bytes: 0, totalBytes: range.length });
    const directory = nextDirectory();
    const watch = mayBeArchive ? { watch: watchForArchive } : {};
    const { diffId, extracted } = await extractLayer({ range }, directory, { lowers: [], onBytes, ...watch });
    if (extracted.entries === 0) throw new InvalidError(`${range.subject} is empty: there is no file in it`);
    const { bytes: sizeBytes, entries } = extracted;
    const meta =
      findLayer(paths, diffId) ?? describeLayer(paths, directory, { chainId: diffId, diffId, sizeBytes, entries });
    staged.set(diffId, { directory, meta });
    const config = JSON.stringify(plainConfig(diffId, extracted.newest));
    return { id: digestOf(config), config, layers: [meta], references: [] };
  }

  async function archive(images: ArchivedImage[]): Promise<Built[]> {
    const plans = images.map((image) => ({ image, config: parseImageConfig(image.config, "image configuration") }));
    planProgress(plans);
    const built: Built[] = [];
    for (const { image, config } of plans) {
      const layers: LayerMeta[] = [];
      for (const [index, blob] of image.layers.entries())
        layers.push(await layer(blob, config.rootfs.diff_ids[index] as Digest, layers));
      built.push({ id: digestOf(image.config), config: image.config, layers, references: [...image.references] });
    }
    return built;
  }

  /** Counts the layers that are not there yet, each once. */
  function planProgress(plans: { image: ArchivedImage; config: ImageConfig }[]): void {
    const missing = new Map<Digest, number>();
    for (const { image, config } of plans) {
      let chainId: Digest | undefined;
      for (const [index, diffId] of config.rootfs.diff_ids.entries()) {
        chainId = chainIdOf(chainId, diffId);
        if (!findLayer(paths, chainId)) missing.set(chainId, image.layers[index]?.range?.length ?? 0);
      }
    }
    const totalBytes = [...missing.values()].reduce((sum, bytes) => sum + bytes, 0);
    Object.assign(progress, { layer: 0, ofLayers: missing.size, bytes: 0, totalBytes });
  }

  async function layer(blob: ArchivedImage["layers"][number], diffId: Digest, below: LayerMeta[]): Promise<LayerMeta> {
    const parent = below.at(-1)?.chainId;
    const chainId = chainIdOf(parent, diffId);
    const known = staged.get(chainId)?.meta ?? findLayer(paths, chainId);
    if (known) return known;
    const { range, digest, mediaType } = blob;
    if (!range) throw new InvalidError(`the layer ${diffId} is not in the archive`);
    progress.layer++;
    const directory = nextDirectory();
    const { extracted } = await extractLayer({ ...blob, range }, directory, {
      lowers: below.map(fsOf),
      diffId,
      onBytes,
    });
    const meta = describeLayer(paths, directory, {
      chainId,
      diffId,
      ...(parent ? { parent } : {}),
      ...(digest ? { digest } : {}),
      ...(mediaType ? { mediaType } : {}),
      sizeBytes: extracted.bytes,
      entries: extracted.entries,
    });
    staged.set(chainId, { directory, meta });
    return meta;
  }

  function commit(images: Built[], identity: ReturnType<typeof identifySource>): void {
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
      for (const reference of references)
        prepare(refFile(paths, reference), `${JSON.stringify({ reference, image: id })}\n`);
    const ids = images.map(({ id }) => id);
    if (identity) prepare(sourceFile(paths, identity.path), formatSource(identity, ids));
    // After a power cut a name must not be there without what it names.
    syncfs(staging.fd, paths.root);
    // Somebody who removes the same image right now must see all of this or nothing.
    withStoreLock(paths, "shared", () => {
      for (const [chainId, { directory }] of staged) installLayer(paths, directory, chainId);
      for (const [from, to] of records) rename(from, to);
    });
  }

  return { all, commit };
}

/** The configuration of a bare root filesystem. It depends on the tar's content alone: the same tar is always the same image. */
function plainConfig(diffId: Digest, newest: number): ImageConfig {
  const seconds = Math.min(Math.max(newest, 0), 253402300799); // the year 9999
  const created = new Date(seconds * 1000).toISOString().replace(".000", "");
  return {
    created,
    architecture: hostArchitecture,
    os: "linux",
    config: {},
    rootfs: { type: "layers", diff_ids: [diffId] },
    history: [{ created, comment: "root filesystem" }],
  };
}
