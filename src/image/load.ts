/**
 * Loads image files into the store. Everything is built in a staging directory and verified there; then, in this order, the disk
 * is synced, the layers get their names, the configuration, the image's record and last its references. Whoever is killed in
 * between leaves layers without an image and a staging directory without a living owner: food for `collectGarbage`.
 */

import { InvalidError, UsageError } from "../errors.ts";
import { type Digest, digestOf } from "../oci/digest.ts";
import { hostArchitecture, type ImageConfig, parseImageConfig } from "../oci/image.ts";
import type { Paths } from "../paths.ts";
import type { ArchivedImage } from "./archive-files.ts";
import type { ByteRange } from "./compression.ts";
import { collectGarbage } from "./garbage.ts";
import { ArchiveFound, openInput, readArchiveInput, watchForArchive } from "./input.ts";
import { type BuiltImage, installImages } from "./install.ts";
import { chainIdOf, describeLayer, extractLayer, findLayer, type LayerMeta, layerDirectory, metaOf } from "./layer.ts";
import { normaliseReference, referenceOfFile } from "./reference.ts";
import { formatSource, identifySource, sourceFile } from "./source.ts";
import { createStaging, prepareStore, type Staging } from "./staging.ts";

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
      const ids = images.map(({ id }) => id);
      const source: [string, string][] =
        identity && unchanged ? [[sourceFile(paths, identity.path), formatSource(identity, ids)]] : [];
      installImages(paths, staging, load.staged, images, source);
      return images.map(({ id, references }) => ({ id, references }));
    } finally {
      input.close();
    }
  } finally {
    staging.discard();
  }
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

  async function all(range: ByteRange | undefined, images: ArchivedImage[] | undefined): Promise<BuiltImage[]> {
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

  async function rootfs(range: ByteRange, mayBeArchive: boolean): Promise<BuiltImage> {
    Object.assign(progress, { layer: 1, ofLayers: 1, bytes: 0, totalBytes: range.length });
    const directory = nextDirectory();
    const watch = mayBeArchive ? { watch: watchForArchive } : {};
    const built = await extractLayer({ range }, directory, { lowers: [], onBytes, ...watch });
    const { diffId, extracted } = built;
    if (extracted.entries === 0) throw new InvalidError(`${range.subject} is empty: there is no file in it`);
    const meta = findLayer(paths, diffId) ?? describeLayer(paths, directory, metaOf(built, undefined));
    staged.set(diffId, { directory, meta });
    const config = JSON.stringify(plainConfig(diffId, extracted.newest));
    return { id: digestOf(config), config, layers: [meta], references: [] };
  }

  async function archive(images: ArchivedImage[]): Promise<BuiltImage[]> {
    const plans = images.map((image) => ({ image, config: parseImageConfig(image.config, "image configuration") }));
    planProgress(plans);
    const built: BuiltImage[] = [];
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
    const built = await extractLayer({ ...blob, range }, directory, { lowers: below.map(fsOf), diffId, onBytes });
    const meta = describeLayer(paths, directory, {
      ...metaOf(built, parent),
      ...(digest ? { digest } : {}),
      ...(mediaType ? { mediaType } : {}),
    });
    staged.set(chainId, { directory, meta });
    return meta;
  }

  return { all, staged };
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
