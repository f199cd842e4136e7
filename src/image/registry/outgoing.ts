/**
 * An image as it is sent out: its manifest, and where the bytes of each blob that it lists are. As it was pulled, if all of that
 * is still here; else with its layers as plain tars, which are put together again as `save` does (same diff ids, another manifest).
 */

import { O_CREAT, O_EXCL, O_WRONLY, readFile, withFile, writeAll } from "../../linux/file.ts";
import { statIfAny } from "../../linux/stat.ts";
import { type Digest, digestOf, hexOf } from "../../oci/digest.ts";
import { type Descriptor, parseManifest } from "../../oci/manifest.ts";
import { manifestType, ociType } from "../../oci/media-types.ts";
import type { Paths } from "../../paths.ts";
import { readKeptFile } from "../../record-file.ts";
import { layerDirectory, readLayer } from "../layer.ts";
import { damaged, type ImageRecord, type KeptManifest, readRecord } from "../record.ts";
import { joinTar } from "../tar-split.ts";

/** What is to be sent of an image. */
export interface Outgoing {
  manifest: { digest: Digest; mediaType: string; bytes: Uint8Array };
  /** The configuration, then the layers, bottom first. */
  blobs: OutgoingBlob[];
  /** False where the manifest is another than the one that the image came by, or it came by none. */
  asPulled: boolean;
}

export interface OutgoingBlob {
  mediaType: string;
  digest: Digest;
  size: number;
  /** Where else it may be had: of a layer that is not to be given away. */
  urls: string[];
  /** The file of the store that is this blob; undefined for a tar that has to be put together. */
  file?: string;
  /** Writes it to a new file, whatever it is made of. The digest is for the reader to check. */
  writeTo(file: string): void;
}

/**
 * What to send of an image. The caller keeps the layers from being collected meanwhile: by a staging directory of its own.
 * @param preferred the manifest to send if it is here, by its own digest or that of an index that led to it; else the one pulled last.
 * @throws InvalidError for a layer whose tar cannot be put together again
 */
export function outgoingImage(paths: Paths, id: Digest, preferred?: Digest): Outgoing {
  const record = readRecord(paths, id);
  if (!record) throw damaged(`image ${id} is gone`);
  const isPreferred = ({ digest, indexes }: KeptManifest) => preferred === digest || indexes.includes(preferred!);
  const kept = record.manifests.toReversed().toSorted((a, b) => Number(isPreferred(b)) - Number(isPreferred(a)));
  const whole = kept.map((manifest) => asPulled(paths, manifest)).find((outgoing) => outgoing !== undefined);
  return whole ?? rebuilt(paths, record);
}

const blobFile = (paths: Paths, digest: Digest): string => `${paths.blobs}/${hexOf(digest)}`;

/** Undefined where something of it is gone. */
function asPulled(paths: Paths, { digest, mediaType }: KeptManifest): Outgoing | undefined {
  if (!statIfAny(blobFile(paths, digest))) return undefined;
  const bytes = readKeptFile(blobFile(paths, digest));
  const manifest = parseManifest(bytes, `manifest ${digest}`);
  if (digestOf(bytes) !== digest || manifest.kind !== "manifest") return undefined;
  const blobs = [manifest.config, ...manifest.layers].map((descriptor) => fileBlob(paths, descriptor));
  // What others give away themselves need not be here.
  if (blobs.some(({ file, size, urls }) => urls.length === 0 && statIfAny(file!)?.size !== size)) return undefined;
  return { manifest: { digest, mediaType, bytes }, blobs, asPulled: true };
}

function fileBlob(paths: Paths, { mediaType, digest, size, urls = [] }: Part): OutgoingBlob {
  const file = blobFile(paths, digest);
  return { mediaType, digest, size, urls, file, writeTo: (to) => writeNew(to, readKeptFile(file)) };
}

type Part = Pick<Descriptor, "mediaType" | "digest" | "size" | "urls">;

/** @see https://github.com/opencontainers/image-spec/blob/main/manifest.md */
function rebuilt(paths: Paths, { id, layers }: ImageRecord): Outgoing {
  const config = readFile(blobFile(paths, id));
  const size = Buffer.byteLength(config);
  const blobs = [
    fileBlob(paths, { mediaType: ociType("config.v1+json"), digest: id, size }),
    ...layers.map(({ chainId }, index) => {
      const below = layers.slice(0, index).map((lower) => `${layerDirectory(paths, lower.chainId)}/fs`);
      return tarBlob(paths, chainId, below);
    }),
  ];
  const [first, ...rest] = blobs.map(({ mediaType, digest, size }) => ({ mediaType, digest, size }));
  const mediaType = manifestType;
  const bytes = new TextEncoder().encode(JSON.stringify({ schemaVersion: 2, mediaType, config: first, layers: rest }));
  return { manifest: { digest: digestOf(bytes), mediaType, bytes }, blobs, asPulled: false };
}

/** A layer's tar as it came. @param below directories of the layers below, bottom first. */
function tarBlob(paths: Paths, chainId: Digest, below: string[]): OutgoingBlob {
  const { diffId, tarBytes } = readLayer(paths, chainId);
  if (tarBytes === undefined)
    throw damaged(
      `of the layer ${diffId} it is not known how its tar was made (an older version loaded it, or its tar has a file twice)`,
    );
  return {
    mediaType: ociType("layer.v1.tar"),
    digest: diffId,
    size: tarBytes,
    urls: [],
    writeTo: (file) =>
      withFile(file, O_WRONLY | O_CREAT | O_EXCL, (fd) =>
        joinTar(layerDirectory(paths, chainId), below, (piece) => writeAll(fd, piece, file)),
      ),
  };
}

const writeNew = (file: string, bytes: Uint8Array): void =>
  withFile(file, O_WRONLY | O_CREAT | O_EXCL, (fd) => writeAll(fd, bytes, file));
