/** The layers of a pull: those that are missing come in beside each other, and are extracted in order. */

import { InvalidError, isFull } from "../../errors.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Paths } from "../../paths.ts";
import type { Repository } from "../../registry/client.ts";
import { describeLayer, extractLayer, type LayerMeta, layerDirectory, metaOf } from "../layer.ts";
import { shortId } from "../record.ts";
import type { Staging } from "../staging.ts";
import { type Arrival, type Downloads, startDownloads } from "./download.ts";
import type { OnLayer, PullOptions, WantedLayer } from "./request.ts";

type Layer = WantedLayer & { known: LayerMeta | undefined };

export interface PulledLayers {
  /** Of all layers, bottom first. */
  metas: LayerMeta[];
  /** The new ones, by chain id. */
  staged: Map<Digest, { directory: string }>;
  /** Downloads that are to become blobs; they are held until this is disposed of. */
  files: [path: string, digest: Digest][];
  [Symbol.asyncDispose](): Promise<void>;
}

/** @throws what ended it; parts of blobs stay for the next pull, unless the disk is full */
export async function pullLayers(
  paths: Paths,
  repository: Repository,
  staging: Staging,
  layers: readonly Layer[],
  options: PullOptions,
): Promise<PulledLayers> {
  for (let isRetry = false; ; isRetry = true) {
    const downloads = begin(paths, repository, layers, options);
    try {
      const attempt = `${staging.path}/${isRetry ? "again" : "layer"}`;
      const { metas, staged } = await extractAll(paths, attempt, layers, downloads, options);
      return { metas, staged, files: downloads.files(), [Symbol.asyncDispose]: () => downloads.close(false) };
    } catch (error) {
      // Nobody looked at what an earlier pull left: a power cut may have made something else of it.
      const again = error instanceof InvalidError && downloads.isResumed() && !isRetry;
      await downloads.close(again || isFull(error) || error instanceof InvalidError);
      if (options.signal.aborted) throw options.signal.reason;
      if (!again) throw error;
    }
  }
}

function begin(
  paths: Paths,
  repository: Repository,
  layers: readonly Layer[],
  { signal, onLayer }: PullOptions,
): Downloads {
  for (const { blob, known } of layers)
    onLayer({ id: shortId(blob.digest), status: known ? "Already exists" : "Pulling fs layer" });
  const missing = new Map(layers.filter(({ known }) => !known).map(({ blob }) => [blob.digest, blob]));
  for (const { digest } of [...missing.values()].slice(3)) onLayer({ id: shortId(digest), status: "Waiting" });
  return startDownloads([...missing.values()], {
    paths,
    repository,
    signal,
    onBytes: (digest, bytes) =>
      onLayer({ id: shortId(digest), status: "Downloading", bytes, totalBytes: missing.get(digest)!.size }),
    onWhole: (digest) => onLayer({ id: shortId(digest), status: "Download complete" }),
  });
}

async function extractAll(
  paths: Paths,
  prefix: string,
  layers: readonly Layer[],
  downloads: Downloads,
  { onLayer, maxBytes, signal }: PullOptions,
): Promise<Pick<PulledLayers, "metas" | "staged">> {
  const metas: LayerMeta[] = [];
  const staged = new Map<Digest, { directory: string; meta: LayerMeta }>();
  for (const [index, { chainId, diffId, blob, known }] of layers.entries()) {
    if (known) {
      metas.push(known);
      continue;
    }
    const directory = `${prefix}${index}`;
    const lowers = metas.map(
      (meta) => `${staged.get(meta.chainId)?.directory ?? layerDirectory(paths, meta.chainId)}/fs`,
    );
    const arrival = downloads.of(blob.digest);
    const stored = await storedBlob(arrival);
    const built = await extractLayer(stored, directory, {
      lowers,
      diffId,
      onBytes: extracting(onLayer, arrival, signal),
      limits: maxBytes === undefined ? {} : { maxBytes },
    });
    await arrival.whole;
    const described = { ...metaOf(built, metas.at(-1)?.chainId), digest: blob.digest, mediaType: blob.mediaType };
    const meta = describeLayer(paths, directory, described);
    metas.push(meta);
    staged.set(chainId, { directory, meta });
    onLayer({ id: shortId(blob.digest), status: "Pull complete" });
  }
  return { metas, staged };
}

/** The download hashes what comes in; a blob that was here is looked at now. */
async function storedBlob({ descriptor: { digest, size, mediaType }, file, growing }: Arrival) {
  const range = {
    fd: await file,
    offset: 0,
    length: size,
    subject: `the layer ${digest}`,
    ...(growing && { growing }),
  };
  return growing ? { range, mediaType } : { range, mediaType, digest };
}

/** While it still comes in that is told instead. */
function extracting(onLayer: OnLayer, { descriptor: { digest, size }, growing }: Arrival, signal: AbortSignal) {
  let bytes = 0;
  return (more: number) => {
    signal.throwIfAborted();
    bytes += more;
    if ((growing?.bytes ?? size) === size)
      onLayer({ id: shortId(digest), status: "Extracting", bytes, totalBytes: size });
  };
}
