/**
 * Loads image files into the store. Everything is built in a staging directory and verified there; then, in this order, the disk
 * is synced, the layers get their names, the configuration, the image's record and last its references. Whoever is killed in
 * between leaves layers without an image and a staging directory without a living owner: food for `collectGarbage`.
 */

import { InvalidError, UsageError } from "../errors.ts";
import { type Digest, digestOf } from "../oci/digest.ts";
import { hostArchitecture, type ImageConfig, parseImageConfig } from "../oci/image.ts";
import type { Platform } from "../oci/manifest.ts";
import type { Paths } from "../paths.ts";
import type { ArchivedImage } from "./archive-files.ts";
import type { ByteRange } from "./compression.ts";
import type { ExtractLimits } from "./extraction.ts";
import { collectGarbage } from "./garbage.ts";
import { ArchiveFound, openInput, readArchiveInput, watchForArchive } from "./input.ts";
import { type BuiltImage, installImages } from "./install.ts";
import { chainIdOf, describeLayer, extractLayer, findLayer, type LayerMeta, layerDirectory, metaOf } from "./layer.ts";
import { checkPlatform } from "./platform.ts";
import { normaliseNewReference, referenceOfFile } from "./reference.ts";
import { formatSource, identifySource, sourceFile } from "./source.ts";
import { createStaging, prepareStore, type Staging } from "./staging.ts";

export interface LoadOptions {
  /** Names the image; only for files that hold one. */
  reference?: string;
  /** Bytes of content that a layer may have. */
  maxBytes?: number;
  /** Which of several to take, and what each has to be for; without it the one for this machine. */
  platform?: Partial<Platform>;
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
 * compressed. A root filesystem is named after its file; an image of an archive that has no name stays without.
 * @throws InvalidError if the file breaks its format or its digests; then nothing of it is in the store
 */
export async function loadImages(paths: Paths, file: string, options: LoadOptions = {}): Promise<LoadedImage[]> {
  const wanted = options.reference === undefined ? undefined : normaliseNewReference(options.reference);
  Bun.unsafe.setJITPolicy?.(1); // the cli is compiled to start quickly, this is the long run
  const identity = identifySource(file);
  prepareStore(paths);
  collectGarbage(paths);
  const staging = createStaging(paths);
  try {
    const input = openInput(file, `${staging.path}/input`, "image", options.platform);
    try {
      const load = startLoad(paths, staging, options);
      if (input.named) load.rootfsName = referenceOfFile(file);
      const images = await loadAll(load, input.range, input.images);
      const [only] = images;
      if (wanted !== undefined && images.length > 1)
        throw new UsageError(`${file} holds ${images.length} images: one name cannot be given to all`);
      if (only && wanted !== undefined) only.references = [wanted];
      const unchanged = identity && identifySource(file)?.stamp === identity.stamp;
      const ids = images.map(({ id }) => id);
      // `run FILE` means the one for this machine.
      const source: [string, string][] =
        identity && unchanged && !options.platform
          ? [[sourceFile(paths, identity.path), formatSource(identity, ids)]]
          : [];
      installImages(paths, staging, load.staged, images, source);
      return images.map(({ id, references }) => ({ id, references }));
    } finally {
      input.close();
    }
  } finally {
    staging.discard();
  }
}

/** One call of `loadImages`. */
interface Load {
  paths: Paths;
  staging: Staging;
  onProgress: LoadOptions["onProgress"];
  progress: LoadProgress;
  /** Layers that are extracted and not in the store yet, by chain id. */
  staged: Map<Digest, { directory: string; meta: LayerMeta }>;
  /** Directories that were given to layers. */
  attempts: number;
  /** What a root filesystem, which has no name in it, is called. */
  rootfsName?: string;
  limits: Partial<ExtractLimits>;
  platform: LoadOptions["platform"];
}

function startLoad(paths: Paths, staging: Staging, { onProgress, maxBytes, platform }: LoadOptions): Load {
  const progress = { layer: 0, ofLayers: 1, bytes: 0, totalBytes: 0 };
  const limits = maxBytes === undefined ? {} : { maxBytes };
  return { paths, staging, onProgress, progress, staged: new Map(), attempts: 0, limits, platform };
}

async function loadAll(
  load: Load,
  range: ByteRange | undefined,
  images: ArchivedImage[] | undefined,
): Promise<BuiltImage[]> {
  if (images) return loadArchive(load, images);
  if (!range) throw new InvalidError("nothing to load");
  try {
    return [await loadRootfs(load, range, true)];
  } catch (error) {
    if (!(error instanceof ArchiveFound)) throw error;
  }
  const found = await readArchiveInput(range, `${load.staging.path}/archive`, load);
  try {
    return found.images ? await loadArchive(load, found.images) : [await loadRootfs(load, found.range, false)];
  } finally {
    found.close();
  }
}

async function loadRootfs(load: Load, range: ByteRange, mayBeArchive: boolean): Promise<BuiltImage> {
  const { paths, staged, progress } = load;
  Object.assign(progress, { layer: 1, ofLayers: 1, bytes: 0, totalBytes: range.length });
  const directory = nextDirectory(load);
  const watch = mayBeArchive ? { watch: watchForArchive } : {};
  const onBytes = (bytes: number) => addBytes(load, bytes);
  const built = await extractLayer({ range }, directory, { lowers: [], onBytes, limits: load.limits, ...watch });
  const { diffId, extracted } = built;
  if (extracted.entries === 0) throw new InvalidError(`${range.subject} is empty: there is no file in it`);
  const meta = findLayer(paths, diffId) ?? describeLayer(paths, directory, metaOf(built, undefined));
  staged.set(diffId, { directory, meta });
  requireAsked(load, range.subject);
  const config = JSON.stringify(plainConfig(diffId, extracted.newest));
  return {
    id: digestOf(config),
    config,
    layers: [meta],
    references: load.rootfsName === undefined ? [] : [load.rootfsName],
  };
}

async function loadArchive(load: Load, images: ArchivedImage[]): Promise<BuiltImage[]> {
  const plans = images.map((image) => ({ image, config: parseImageConfig(image.config, "image configuration") }));
  for (const { image, config } of plans) requireAsked(load, image.references[0] ?? digestOf(image.config), config);
  planProgress(load, plans);
  const built: BuiltImage[] = [];
  for (const { image, config } of plans) {
    const layers: LayerMeta[] = [];
    for (const [index, blob] of image.layers.entries())
      layers.push(await loadLayer(load, blob, config.rootfs.diff_ids[index] as Digest, layers));
    built.push({ id: digestOf(image.config), config: image.config, layers, references: [...image.references] });
  }
  return built;
}

/** @param image this machine's platform if undefined. */
function requireAsked({ platform }: Load, name: string, image?: Platform): void {
  if (platform) checkPlatform(name, platform, image, "load without --platform takes it");
}

/** Counts the layers that are not there yet, each once. */
function planProgress({ paths, progress }: Load, plans: { image: ArchivedImage; config: ImageConfig }[]): void {
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

/** @param below the layers below, bottom first. @returns the layer's record, of the store if it has the layer already */
async function loadLayer(
  load: Load,
  blob: ArchivedImage["layers"][number],
  diffId: Digest,
  below: LayerMeta[],
): Promise<LayerMeta> {
  const { paths, staged } = load;
  const parent = below.at(-1)?.chainId;
  const chainId = chainIdOf(parent, diffId);
  const known = staged.get(chainId)?.meta ?? findLayer(paths, chainId);
  if (known) return known;
  const { range, digest, mediaType } = blob;
  if (!range) throw new InvalidError(`the layer ${diffId} is not in the archive`);
  load.progress.layer++;
  const directory = nextDirectory(load);
  const lowers = below.map((meta) => rootfsOf(load, meta));
  const onBytes = (bytes: number) => addBytes(load, bytes);
  const built = await extractLayer({ ...blob, range }, directory, { lowers, diffId, onBytes, limits: load.limits });
  const meta = describeLayer(paths, directory, {
    ...metaOf(built, parent),
    ...(digest ? { digest } : {}),
    ...(mediaType ? { mediaType } : {}),
  });
  staged.set(chainId, { directory, meta });
  return meta;
}

const nextDirectory = (load: Load): string => `${load.staging.path}/layer${load.attempts++}`;

/** Where the files of a layer are, which may be in the store or only staged. */
const rootfsOf = ({ paths, staged }: Load, { chainId }: LayerMeta): string =>
  `${staged.get(chainId)?.directory ?? layerDirectory(paths, chainId)}/fs`;

function addBytes({ progress, onProgress }: Load, bytes: number): void {
  progress.bytes += bytes;
  onProgress?.({ ...progress });
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
