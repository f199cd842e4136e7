/** Makes an image of another one, or of nothing, and a new layer on top: what commit and import have in common. */

import { InvalidError } from "../errors.ts";
import { readFile } from "../linux/file.ts";
import { type Digest, digestOf, hexOf } from "../oci/digest.ts";
import { type History, hostArchitecture, parseImageConfig } from "../oci/image.ts";
import type { Platform } from "../oci/manifest.ts";
import type { Paths } from "../paths.ts";
import { applyChanges, type RawRunConfig } from "./dockerfile/configure.ts";
import type { ExtractLimits } from "./extraction.ts";
import { collectGarbage } from "./garbage.ts";
import { installImages } from "./install.ts";
import { buildLayer, describeLayer, findLayer, layerDirectory, metaOf } from "./layer.ts";
import type { LoadProgress } from "./load.ts";
import { damaged, type ImageRecord, readRecord } from "./record.ts";
import { normaliseNewReference } from "./reference.ts";
import { createStaging, prepareStore, type Staging } from "./staging.ts";

export interface Recipe {
  /** The image below; absent for an image of one layer. */
  base?: Digest;
  /** The tar of the new layer; absent if there is nothing new in it. */
  layer?: {
    subject: string;
    feed(write: (chunk: Uint8Array) => void, staging: Staging): void | Promise<void>;
    limits?: Partial<ExtractLimits>;
  };
  /** Of an image that has none below; what is not said is this machine's. */
  platform?: Partial<Platform>;
  /** There has to be something in it. */
  mayBeEmpty: boolean;
  /** How to run it, from how the base is run. */
  config(base: RawRunConfig): RawRunConfig;
  /** In the words of a Dockerfile, applied last. */
  changes: readonly string[];
  /** Variables that a container has where its image does not say, for the changes: `PATH=...`. */
  defaults: readonly string[];
  /** For the history. */
  step: Pick<History, "author" | "comment" | "created_by">;
  reference?: string;
  onProgress?: (progress: LoadProgress) => void;
}

/** @returns the id of the image. */
export async function makeImage(paths: Paths, recipe: Recipe): Promise<Digest> {
  const references = recipe.reference === undefined ? [] : [normaliseNewReference(recipe.reference)];
  Bun.unsafe.setJITPolicy?.(1); // the cli is compiled to start quickly, this is the long run
  prepareStore(paths);
  collectGarbage(paths);
  const staging = createStaging(paths);
  try {
    const base = recipe.base === undefined ? nothingFor(recipe.platform) : readBase(paths, recipe.base);
    const staged = new Map<Digest, { directory: string }>();
    const run = applyChanges(recipe.config(base.config.config ?? {}), recipe.changes, recipe.defaults); // before the work
    const top = recipe.layer && (await makeLayer(paths, staging, base.layers, recipe));
    if (top) staged.set(top.chainId, { directory: `${staging.path}/layer` });
    const config = describe(base.config, run, top?.diffId, recipe.step);
    parseImageConfig(config, "the new configuration"); // what we would not load again we do not keep
    const image = { id: digestOf(config), config, layers: top ? [...base.layers, top] : base.layers, references };
    installImages(paths, staging, staged, [image]);
    return image.id;
  } finally {
    staging.discard();
  }
}

type Layer = ImageRecord["layers"][number];
type RawConfig = Record<string, unknown> & { config?: RawRunConfig | null; history?: History[] | null };

const nothing = {
  layers: [] as Layer[],
  config: { architecture: hostArchitecture, os: "linux", rootfs: { type: "layers", diff_ids: [] } } as RawConfig,
};

const nothingFor = (platform: Recipe["platform"]): typeof nothing => ({
  ...nothing,
  config: { ...nothing.config, ...platform },
});

/** As it stands: fields that we do not know belong to the image too. */
function readBase(paths: Paths, id: Digest): typeof nothing {
  const record = readRecord(paths, id);
  if (!record) throw damaged(`image ${id} is gone`);
  return { layers: record.layers, config: JSON.parse(readFile(`${paths.blobs}/${hexOf(id)}`)) };
}

async function makeLayer(
  paths: Paths,
  staging: Staging,
  below: Layer[],
  { layer, mayBeEmpty, onProgress }: Recipe,
): Promise<Layer & { diffId: Digest }> {
  const { subject, feed, limits = {} } = layer!;
  const directory = `${staging.path}/layer`;
  const lowers = below.map(({ chainId }) => `${layerDirectory(paths, chainId)}/fs`);
  let bytes = 0;
  const built = await buildLayer(directory, subject, { lowers, limits }, (write) =>
    feed((chunk) => {
      write(chunk);
      bytes += chunk.length;
      onProgress?.({ layer: 1, ofLayers: 1, bytes, totalBytes: 0 });
    }, staging),
  );
  if (built.extracted.entries === 0 && !mayBeEmpty)
    throw new InvalidError(`${subject} is empty: there is no file in it`);
  const meta = metaOf(built, below.at(-1)?.chainId);
  return findLayer(paths, meta.chainId) ?? describeLayer(paths, directory, meta);
}

function describe(base: RawConfig, config: RawRunConfig, diffId: Digest | undefined, step: Recipe["step"]): string {
  const created = new Date().toISOString();
  const { container: _, container_config: __, ...rest } = base; // of the container that the base was made from
  const rootfs = base.rootfs as { diff_ids?: Digest[] };
  return JSON.stringify({
    ...rest,
    created,
    ...(step.author && { author: step.author }),
    config,
    rootfs: { type: "layers", diff_ids: [...(rootfs.diff_ids ?? []), ...(diffId ? [diffId] : [])] },
    history: [...(base.history ?? []), { created, ...step, ...(!diffId && { empty_layer: true }) }],
  });
}
