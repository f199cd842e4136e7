/** One layer: from its blob into a staging directory, verified, and from there into the store under its chain id. */

import { type Failure, hasCode, InvalidError, isFull, SyscallError } from "../errors.ts";
import { byteNameOf } from "../linux/byte-name.ts";
import { cwd, O_DIRECTORY, O_RDONLY, open, owned, writeFileAtomic } from "../linux/file.ts";
import { mkdir, readlink, rename } from "../linux/names.ts";
import { freeBytes } from "../linux/statfs.ts";
import { symlinkAt } from "../linux/tree/entries.ts";
import { type Digest, digestOf, hexOf } from "../oci/digest.ts";
import type { Paths } from "../paths.ts";
import { readRecordFile } from "../record-file.ts";
import {
  damaged as damagedObject,
  formatRecord,
  kindOf,
  list,
  number,
  optional,
  type Parsed,
  parseRecord,
  text,
} from "../schema.ts";
import type { LayerBlob } from "./archive-files.ts";
import { type ByteRange, magicBytes, readCompressed, sniffRange } from "./compression.ts";
import { createExtractor } from "./extract.ts";
import { defaultLimits, type Extracted, type ExtractLimits } from "./extraction.ts";
import { digest, link, shortId } from "./record.ts";
import type { TarVisitor } from "./tar/content.ts";
import { createTarReader } from "./tar/reader.ts";
import { createTarSplitter } from "./tar-split.ts";

/** What a layer's meta.json says. */
export interface LayerMeta {
  chainId: Digest;
  /** Digest of the uncompressed tar. */
  diffId: Digest;
  /** The chain id of the layers below; absent at the bottom. */
  parent?: Digest;
  /** Its name under `l/`. */
  link: string;
  /** Digest and type of the blob it came from, where known. */
  digest?: Digest;
  mediaType?: string;
  /** Bytes of all its files. */
  sizeBytes: number;
  entries: number;
  /** Bytes of the uncompressed tar, if it can be put together again (tar-split.ts). */
  tarBytes?: number;
  /** First ids of the ranges of 65536 above the first in which it has owners. */
  wideIds?: number[];
}

export interface ExtractLayerOptions {
  /** Directories of the layers below, bottom first. */
  lowers: readonly string[];
  /** What it must hash to, where the image says so. */
  diffId?: Digest;
  /** Sees the entries before the extractor does. */
  watch?: (extractor: TarVisitor) => TarVisitor;
  onBytes?: (storedBytes: number) => void;
  /** Other limits than the usual ones. */
  limits?: Partial<ExtractLimits>;
}

/**
 * Extracts a blob into `directory/fs`, hashing on the way.
 * @throws InvalidError if it breaks its format, its digest or a limit; nothing outside of `directory` was touched
 */
export async function extractLayer(
  blob: LayerBlob & { range: ByteRange },
  directory: string,
  options: ExtractLayerOptions,
): Promise<BuiltLayer> {
  const { range } = blob;
  await range.growing?.until(Math.min(range.length, magicBytes));
  const compression = sniffRange(range);
  const storedHash = blob.digest && compression !== "none" ? new Bun.CryptoHasher("sha256") : undefined;
  const built = await buildLayer(directory, range.subject, options, (write) =>
    readCompressed(range, compression, {
      stored(chunk) {
        storedHash?.update(chunk);
        options.onBytes?.(chunk.length);
      },
      content: write,
    }),
  );
  const stored: Digest = storedHash ? `sha256:${storedHash.digest("hex")}` : built.diffId;
  if (blob.digest && stored !== blob.digest)
    throw new InvalidError(`${range.subject}: its digest is ${stored}, not ${blob.digest}`);
  if (options.diffId && built.diffId !== options.diffId)
    throw new InvalidError(`${range.subject}: its diff id is ${built.diffId}, not ${options.diffId}`);
  return built;
}

/** A layer that stands in a directory and has no name yet. */
export interface BuiltLayer {
  diffId: Digest;
  extracted: Extracted;
  /** As LayerMeta's. */
  tarBytes?: number;
}

/** Extracts the uncompressed tar that `feed` writes, in pieces of any size, into `directory/fs`. */
export async function buildLayer(
  directory: string,
  subject: string,
  options: Pick<ExtractLayerOptions, "lowers" | "watch" | "limits">,
  feed: (write: (chunk: Uint8Array) => void) => void | Promise<void>,
): Promise<BuiltLayer> {
  mkdir(directory);
  mkdir(`${directory}/fs`);
  using root = owned(open(`${directory}/fs`, O_RDONLY | O_DIRECTORY));
  const limits = { ...defaultLimits, freeBytes: freeBytes(root.fd, directory), ...options.limits };
  const extractor = createExtractor(root.fd, { lowers: options.lowers, limits });
  const splitter = createTarSplitter(directory);
  const visitor = splitter.watch(extractor);
  const reader = createTarReader(options.watch?.(visitor) ?? visitor, subject);
  const hash = new Bun.CryptoHasher("sha256");
  try {
    await feed((chunk) => {
      hash.update(chunk);
      splitter.write(chunk, reader.write);
    });
    reader.finish();
    const extracted = extractor.finish();
    const tarBytes = splitter.finish();
    // What one entry wrote and a later one replaced is not there any more to be put into the tar again.
    return { diffId: `sha256:${hash.digest("hex")}`, extracted, ...(!extracted.replaced && { tarBytes }) };
  } catch (error) {
    throw withSubject(error, subject);
  } finally {
    extractor.close();
    splitter.close();
  }
}

/** Names the archive in errors that only knew the entry, and says what to do about a full disk and missing rights. */
function withSubject(error: unknown, subject: string): unknown {
  if (error instanceof InvalidError && !error.message.startsWith(subject))
    return new InvalidError(`${subject}: ${error.message}`, (error as Failure).hint);
  if (isFull(error)) return (error as SyscallError).withHint("the disk is full: nothing of this image was kept");
  if (hasCode(error, "EPERM") && error instanceof SyscallError)
    return error.withHint("owners and devices of layers need root: try again with sudo");
  return error;
}

/** What is known of a new layer on top of others. */
export const metaOf = ({ diffId, extracted, tarBytes }: BuiltLayer, parent: Digest | undefined) => ({
  chainId: chainIdOf(parent, diffId),
  diffId,
  ...(parent ? { parent } : {}),
  sizeBytes: extracted.bytes,
  entries: extracted.entries,
  ...(tarBytes !== undefined && { tarBytes }),
  ...(extracted.wideIds.size > 0 && { wideIds: [...extracted.wideIds].toSorted((a, b) => a - b) }),
});

/** Writes the meta.json of a layer that stands in `directory`, and takes its short link. */
export function describeLayer(paths: Paths, directory: string, meta: Omit<LayerMeta, "link">): LayerMeta {
  const described = { ...meta, link: takeShortLink(paths, meta.chainId) };
  writeFileAtomic(`${directory}/meta.json`, `${formatRecord(layerKind, described)}\n`);
  return described;
}

const shortest = 12;

/** A name under `l/` that leads to this chain id and no other: 12 digits, or more where those are taken. */
function takeShortLink(paths: Paths, chainId: Digest): string {
  const hex = hexOf(chainId);
  const target = `../layers/${hex}/fs`;
  for (let length = shortest; ; length++) {
    const link = hex.slice(0, length);
    try {
      symlinkAt(byteNameOf(target), cwd, byteNameOf(`${paths.links}/${link}`));
      return link;
    } catch (error) {
      if (!hasCode(error, "EEXIST") || length === hex.length) throw error;
      if (readlink(`${paths.links}/${link}`) === target) return link;
    }
  }
}

/** Moves a finished layer into the store. If another loader was faster, its layer is the same: ours is left where it is, unless that one is damaged. */
export function installLayer(paths: Paths, directory: string, chainId: Digest): void {
  try {
    rename(directory, layerDirectory(paths, chainId));
  } catch (error) {
    if (!hasCode(error, "EEXIST", "ENOTEMPTY")) throw error;
    if (!findLayer(paths, chainId)) rename(`${directory}/meta.json`, `${layerDirectory(paths, chainId)}/meta.json`);
  }
}

export const layerDirectory = (paths: Paths, chainId: Digest): string => `${paths.layers}/${hexOf(chainId)}`;

const layerKind = kindOf<LayerMeta>({
  chainId: digest,
  diffId: digest,
  parent: optional(digest),
  link,
  digest: optional(digest),
  mediaType: optional(text),
  sizeBytes: number,
  entries: number,
  tarBytes: optional(number),
  wideIds: optional(list(number)),
});

/** A layer that the store has; one that is damaged is as good as none for who can make it again. */
export const findLayer = (paths: Paths, chainId: Digest): LayerMeta | undefined => parseLayer(paths, chainId)?.value;

/** @throws DamagedError, InvalidError if it is not there */
export function readLayer(paths: Paths, chainId: Digest): LayerMeta {
  const { value, damage = "is damaged: meta.json is missing" } = parseLayer(paths, chainId) ?? {};
  if (value) return value;
  throw damagedObject(`layer ${shortId(chainId)}`, damage, "load its image again");
}

function parseLayer(paths: Paths, chainId: Digest): Parsed<LayerMeta> | undefined {
  const content = readRecordFile(`${layerDirectory(paths, chainId)}/meta.json`);
  return content === undefined ? undefined : parseRecord(layerKind, content, "meta.json");
}
/** The chain id of a layer on top of others. */
export const chainIdOf = (parent: Digest | undefined, diffId: Digest): Digest =>
  parent ? digestOf(`${parent} ${diffId}`) : diffId;
