/**
 * Writes images of the store as one archive. In every format the parts are blobs named by their digests; what differs is the
 * table of contents. The same images always give the same bytes.
 */

import { InvalidError } from "../errors.ts";
import { byteNameOf } from "../linux/byte-name.ts";
import {
  type Fd,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_RDONLY,
  O_RDWR,
  open,
  owned,
  readFile,
  writeAll,
} from "../linux/file.ts";
import { memory } from "../linux/libc.ts";
import { pread } from "../linux/pread.ts";
import { fstat } from "../linux/stat.ts";
import { type Digest, digestOf, hexOf } from "../oci/digest.ts";
import { ociType } from "../oci/media-types.ts";
import type { Paths } from "../paths.ts";
import { type LayerMeta, layerDirectory, readLayer } from "./layer.ts";
import type { LoadProgress } from "./load.ts";
import { packTree } from "./pack.ts";
import { damaged, readRecord } from "./record.ts";
import { fullName } from "./reference.ts";
import { createStaging, type Staging } from "./staging.ts";
import type { Image } from "./store.ts";
import { createTarWriter, type TarWriter } from "./tar/writer.ts";
import { joinTar } from "./tar-split.ts";

/** An image to save, and the names it is to have in the archive. */
export interface Selected {
  image: Image;
  references: string[];
}

export const archiveFormats = ["docker-archive", "oci-archive"] as const;
export type ArchiveFormat = (typeof archiveFormats)[number];

export interface SaveOptions {
  format: ArchiveFormat;
  onProgress(progress: LoadProgress): void;
  /** An image that cannot be saved as it came, and why. */
  warn(text: string): void;
}

/** @param write takes the archive in pieces, which are valid during the call only */
export function saveImages(
  paths: Paths,
  selected: readonly Selected[],
  { format, onProgress, warn }: SaveOptions,
  write: (bytes: Uint8Array) => void,
): void {
  Bun.unsafe.setJITPolicy?.(1); // the cli is compiled to start quickly, this is the long run
  const staging = createStaging(paths); // while it lives, nobody collects the layers
  try {
    const layers = createLayers(paths, staging);
    const images = selected.map(({ image, references }) => prepareImage(paths, layers, image, references, warn));
    const writer = createTarWriter(write);
    writeLayers(layers.all(), writer, onProgress);
    const blobs = new Set<Digest>();
    const blob = (content: string | Uint8Array): Descriptor => {
      const bytes = Buffer.from(content as string);
      const digest = digestOf(bytes);
      if (!blobs.has(digest)) writeFile(writer, blobName(digest), bytes);
      blobs.add(digest);
      return { digest, size: bytes.length };
    };
    for (const [name, content] of tables[format](images, blob)) writeFile(writer, name, Buffer.from(content));
    writer.finish();
  } finally {
    staging.discard();
  }
}

interface Descriptor {
  digest: Digest;
  size: number;
}

/** A layer's tar: its digest, its size, and who can write it. */
interface LayerTar extends Descriptor {
  write(take: (bytes: Uint8Array) => void): void;
}

interface PreparedImage {
  config: string;
  platform: { architecture: string; os: string; variant?: string };
  layers: LayerTar[];
  references: string[];
}

const blobName = (digest: Digest): string => `blobs/sha256/${hexOf(digest)}`;

function prepareImage(
  paths: Paths,
  layers: ReturnType<typeof createLayers>,
  image: Image,
  references: string[],
  warn: SaveOptions["warn"],
): PreparedImage {
  const { architecture, os, variant, rootfs } = image.config;
  const chain = readRecord(paths, image.id)?.layers.map(({ chainId }) => chainId);
  if (!chain) throw damaged(`image ${image.id} is gone`);
  const tars = chain.map((chainId, index) => layers.find(chainId, chain.slice(0, index)));
  const config = readFile(`${paths.blobs}/${hexOf(image.id)}`);
  const prepared = { platform: { architecture, os, ...(variant && { variant }) }, layers: tars, references };
  const made = tars.filter(({ digest }, index) => digest !== rootfs.diff_ids[index]).length;
  if (made === 0) return { ...prepared, config };
  const changed = JSON.parse(config);
  changed.rootfs.diff_ids = tars.map(({ digest }) => digest);
  const text = JSON.stringify(changed);
  warn(
    `${references[0] ?? image.id} is saved with a new id, ${digestOf(text)}: of ${made === 1 ? "one layer" : `${made} layers`} the store does not know how the tar was made (the image was loaded by an older version, or its tar has a file twice)`,
  );
  return { ...prepared, config: text };
}

/** The layers that are needed, each once. */
function createLayers(paths: Paths, staging: Staging) {
  const known = new Map<Digest, LayerTar>();

  function find(chainId: Digest, below: Digest[]): LayerTar {
    const meta = readLayer(paths, chainId);
    const tar = known.get(meta.diffId) ?? (meta.tarBytes === undefined ? pack(meta) : join(meta, below));
    known.set(meta.diffId, tar);
    return tar;
  }

  /** The tar as it came. */
  function join({ chainId, diffId, tarBytes }: LayerMeta, below: Digest[]): LayerTar {
    const lowers = below.map((lower) => `${layerDirectory(paths, lower)}/fs`);
    return {
      digest: diffId,
      size: tarBytes as number,
      write: (take) => joinTar(layerDirectory(paths, chainId), lowers, take),
    };
  }

  /** A tar made anew, into a file first: its digest has to be known before it is written. */
  function pack({ chainId }: LayerMeta): LayerTar {
    const file = `${staging.path}/${hexOf(chainId)}.tar`;
    const fd = open(file, O_RDWR | O_CREAT | O_EXCL, 0o600);
    using root = owned(open(`${layerDirectory(paths, chainId)}/fs`, O_RDONLY | O_DIRECTORY));
    const hash = new Bun.CryptoHasher("sha256");
    packTree(root.fd, { layer: true }, (bytes) => {
      hash.update(bytes);
      writeAll(fd, bytes, file);
    });
    const { size } = fstat(fd);
    return { digest: `sha256:${hash.digest("hex")}`, size, write: (take) => copyFile(fd, size, file, take) };
  }

  return { find, all: () => [...known.values()] };
}

function copyFile(fd: Fd, size: number, file: string, take: (bytes: Uint8Array) => void): void {
  const buffer = memory(1 << 20);
  for (let at = 0; at < size; ) {
    const count = pread(fd, buffer, at, file);
    if (count === 0) throw new InvalidError(`${file} is cut off`);
    take(buffer.subarray(0, count));
    at += count;
  }
}

function writeLayers(layers: LayerTar[], writer: TarWriter, onProgress: SaveOptions["onProgress"]): void {
  const totalBytes = layers.reduce((sum, { size }) => sum + size, 0);
  const progress: LoadProgress = { layer: 0, ofLayers: layers.length, bytes: 0, totalBytes };
  for (const { digest, size, write } of layers) {
    progress.layer++;
    const hash = new Bun.CryptoHasher("sha256");
    let bytes = 0;
    writer.member({ type: "file", path: byteNameOf(blobName(digest)), mode: 0o644, size });
    write((piece) => {
      bytes += piece.length;
      if (bytes > size) throw damaged(`the layer ${digest} has grown`);
      hash.update(piece);
      writer.content(piece);
      progress.bytes += piece.length;
      onProgress({ ...progress });
    });
    const found = `sha256:${hash.digest("hex")}`;
    if (found !== digest) throw damaged(`the layer ${digest} is ${found} now: its files have changed`);
  }
}

function writeFile(writer: TarWriter, name: string, content: Uint8Array): void {
  writer.member({ type: "file", path: byteNameOf(name), mode: 0o644, size: content.length });
  writer.content(content);
}

type Table = (
  images: PreparedImage[],
  blob: (content: string | Uint8Array) => Descriptor,
) => [name: string, content: string][];

/** The table of contents of each format. */
const tables: Record<ArchiveFormat, Table> = {
  /** @see https://github.com/moby/docker-image-spec */
  "docker-archive": (images, blob) => {
    const manifest = images.map(({ config, layers, references }) => ({
      Config: blobName(blob(config).digest),
      RepoTags: references.length > 0 ? references : null,
      Layers: layers.map(({ digest }) => blobName(digest)),
    }));
    return [["manifest.json", JSON.stringify(manifest)]];
  },
  /** @see https://github.com/opencontainers/image-spec/blob/main/image-layout.md */
  "oci-archive": (images, blob) => {
    const manifests = images.flatMap(({ config, platform, layers, references }) => {
      const manifest = {
        schemaVersion: 2,
        mediaType: ociType("manifest.v1+json"),
        config: { mediaType: ociType("config.v1+json"), ...blob(config) },
        layers: layers.map(({ digest, size }) => ({ mediaType: ociType("layer.v1.tar"), digest, size })),
      };
      const descriptor = { mediaType: ociType("manifest.v1+json"), ...blob(JSON.stringify(manifest)), platform };
      if (references.length === 0) return [descriptor];
      return references.map((reference) => ({ ...descriptor, annotations: annotationsOf(reference) }));
    });
    return [
      ["oci-layout", JSON.stringify({ imageLayoutVersion: "1.0.0" })],
      ["index.json", JSON.stringify({ schemaVersion: 2, mediaType: ociType("index.v1+json"), manifests })],
    ];
  },
};

/** Full names, as podman and containerd write them. */
const annotationsOf = (reference: string) => ({
  "io.containerd.image.name": fullName(reference),
  "org.opencontainers.image.ref.name": fullName(reference),
});
