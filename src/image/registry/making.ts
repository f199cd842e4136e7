/**
 * The manifest that an image is sent out as. One that came by a manifest goes by it again; for one that was loaded or made here a
 * manifest is made once, its layers compressed, and kept as if the image had been pulled: so its digest is the same each time.
 */

import { InvalidError } from "../../errors.ts";
import { O_CREAT, O_EXCL, O_WRONLY, open, owned, writeAll } from "../../linux/file.ts";
import { memory } from "../../linux/libc.ts";
import { type Digest, digestOf, hexOf } from "../../oci/digest.ts";
import { manifestType, ociType } from "../../oci/media-types.ts";
import type { Paths } from "../../paths.ts";
import { readKeptFile } from "../../record-file.ts";
import { installImages } from "../install.ts";
import { layerDirectory, readLayer } from "../layer.ts";
import { damaged, type ImageRecord, readRecord } from "../record.ts";
import { createStaging, type Staging } from "../staging.ts";
import { joinedTar } from "../tar-split.ts";
import { outgoingImage } from "./outgoing.ts";

export const compressions = ["gzip", "zstd", "none"] as const;
export type LayerCompression = (typeof compressions)[number];

export interface MakingOptions {
  /** Of the layers; without it as they came, or gzip where they have to be made. */
  compression?: LayerCompression;
  /** Called with bytes of uncompressed layers that were read. */
  onBytes?(bytes: number): void;
}

export interface OutgoingManifest {
  digest: Digest;
  mediaType: string;
  bytes: Uint8Array;
}

/**
 * The manifest of an image, with all its blobs in the store under their digests.
 * @throws InvalidError for a layer whose tar cannot be put together again
 */
export async function outgoingManifest(
  paths: Paths,
  id: Digest,
  { compression, onBytes = () => {} }: MakingOptions = {},
): Promise<OutgoingManifest> {
  const staging = createStaging(paths); // while it lives, nobody collects the layers
  try {
    if (compression === undefined) {
      const kept = outgoingImage(paths, id);
      if (kept.asPulled) return kept.manifest;
    }
    return await make(paths, staging, id, compression ?? "gzip", onBytes, compression !== undefined);
  } finally {
    staging.discard();
  }
}

async function make(
  paths: Paths,
  staging: Staging,
  id: Digest,
  compression: LayerCompression,
  onBytes: (bytes: number) => void,
  isSecondary: boolean,
): Promise<OutgoingManifest> {
  const record = readRecord(paths, id);
  if (!record) throw damaged(`image ${id} is gone`);
  const layers: Made[] = [];
  for (const index of record.layers.keys())
    layers.push(await makeLayer(paths, staging, record, index, compression, onBytes));
  const config = readKeptFile(`${paths.blobs}/${hexOf(id)}`);
  const mediaType = manifestType;
  const manifest = {
    schemaVersion: 2,
    mediaType,
    config: { mediaType: ociType("config.v1+json"), digest: id, size: config.length },
    layers: layers.map(({ digest, size }) => ({ mediaType: layerTypes[compression], digest, size })),
  };
  const bytes = new TextEncoder().encode(JSON.stringify(manifest));
  const digest = digestOf(bytes);
  const blobs = layers.map(({ file, digest: of }): [string, Digest] => [file, of]);
  const kept = { digest, mediaType, indexes: [], layers: layers.map((layer) => layer.digest) };
  const image = {
    id,
    config,
    layers: record.layers,
    references: [],
    manifest: { ...kept, contents: new Map([[digest, bytes]]), isSecondary },
  };
  installImages(paths, staging, new Map(), [image], [], blobs);
  return { digest, mediaType, bytes };
}

const layerTypes: Record<LayerCompression, string> = {
  gzip: ociType("layer.v1.tar+gzip"),
  zstd: ociType("layer.v1.tar+zstd"),
  none: ociType("layer.v1.tar"),
};

interface Made {
  file: string;
  digest: Digest;
  size: number;
}

/** Of the tar. Each becomes a member of its own of a gzip stream (RFC 1952 2.2), a frame of its own of a zstd stream. */
const blockBytes = 1 << 20;
const compress: Record<LayerCompression, (block: Uint8Array<ArrayBuffer>) => Uint8Array> = {
  gzip: (block) => Bun.gzipSync(block, { level: 4, library: "libdeflate" }),
  zstd: (block) => Bun.zstdCompressSync(block, { level: 3 }),
  none: (block) => block,
};

async function makeLayer(
  paths: Paths,
  staging: Staging,
  { layers }: ImageRecord,
  index: number,
  compression: LayerCompression,
  onBytes: (bytes: number) => void,
): Promise<Made> {
  const { chainId } = layers[index]!;
  const { diffId, tarBytes } = readLayer(paths, chainId);
  if (tarBytes === undefined)
    throw new InvalidError(
      `of the layer ${diffId} it is not known how its tar was made (an older version loaded it, or its tar has a file twice)`,
      "tinydocker save IMAGE | tinydocker load makes an image that can be sent",
    );
  const below = layers.slice(0, index).map((lower) => `${layerDirectory(paths, lower.chainId)}/fs`);
  const file = `${staging.path}/blob${index}`;
  using out = owned(open(file, O_WRONLY | O_CREAT | O_EXCL, 0o600));
  const [plain, stored] = [new Bun.CryptoHasher("sha256"), new Bun.CryptoHasher("sha256")];
  const block = memory(blockBytes);
  let [filled, size] = [0, 0];
  const flush = () => {
    const bytes = compress[compression](block.subarray(0, filled));
    plain.update(block.subarray(0, filled));
    stored.update(bytes);
    writeAll(out.fd, bytes, file);
    size += bytes.length;
    onBytes(filled);
    filled = 0;
  };
  for (const piece of joinedTar(layerDirectory(paths, chainId), below)) {
    for (let at = 0; at < piece.length; ) {
      const count = Math.min(piece.length - at, block.length - filled);
      block.set(piece.subarray(at, at + count), filled);
      at += count;
      filled += count;
      if (filled < block.length) continue;
      flush();
      await new Promise((resolve) => setImmediate(resolve)); // others are answered meanwhile
    }
  }
  if (filled > 0) flush();
  const found = `sha256:${plain.digest("hex")}`;
  if (found !== diffId) throw damaged(`the layer ${diffId} is ${found} now: its files have changed`);
  return { file, digest: `sha256:${stored.digest("hex")}`, size };
}
