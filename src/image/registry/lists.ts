/**
 * Lists of manifests (OCI indexes), made here of images that are here: one name for an image on several platforms. They are kept
 * as what a registry has beside images (image/repository/), so `registry serve` serves them and `push` sends them.
 */

import { ConflictError, NotFoundError } from "../../errors.ts";
import { mkdirAll, unlink } from "../../linux/names.ts";
import { type Digest, digestOf, hexOf } from "../../oci/digest.ts";
import { type Index, parseManifest } from "../../oci/manifest.ts";
import { indexType } from "../../oci/media-types.ts";
import type { Paths } from "../../paths.ts";
import { readKeptFile } from "../../record-file.ts";
import { collectUnused } from "../garbage.ts";
import { installImages } from "../install.ts";
import { imageNamed } from "../named.ts";
import { formatReference, parseNewReference, parseReference } from "../reference.ts";
import {
  formatManifest,
  formatTag,
  listManifests,
  listTags,
  type ManifestRecord,
  manifestFile,
  readTag,
  repositoryDirectories,
  tagFile,
} from "../repository/records.ts";
import { createStaging, emptyTrash, prepareStore, withStoreLock } from "../staging.ts";
import { findImage } from "../store.ts";
import { outgoingManifest } from "./making.ts";

/** What is said of an image in a list, where it is another than the image says of itself. */
export interface EntryOptions {
  os?: string;
  architecture?: string;
  variant?: string;
  annotations?: Record<string, string>;
}

/** One image of a list, as it stands there. */
interface Entry {
  mediaType: string;
  digest: Digest;
  size: number;
  platform: { os: string; architecture: string; variant?: string };
  annotations?: Record<string, string>;
}

interface Name {
  name: string;
  tag: string;
}

/** @throws InvalidError for what is no name, ConflictError for a digest */
function nameOf(text: string): Name {
  const { name, tag, digest } = parseNewReference(text);
  if (digest || tag === undefined)
    throw new ConflictError(`${text} has a digest, which is not a name to give`, "NAME or NAME:TAG");
  return { name, tag };
}

/** The list that a name means; undefined where it means none, or an image. */
export function findList(paths: Paths, text: string): Digest | undefined {
  const { name, tag, digest } = parseReference(text);
  if (digest || tag === undefined) return undefined;
  const record = readTag(paths, name, tag);
  const image = imageNamed(paths, formatReference({ name, tag }));
  const counts = record && (image === undefined ? record.image === undefined : record.image === image);
  return counts ? record.manifest : undefined;
}

/** The list's content. @throws NotFoundError */
export function readList(paths: Paths, text: string): { digest: Digest; bytes: Uint8Array } {
  const digest = findList(paths, text);
  if (!digest) throw new NotFoundError(`no such list: ${text}`, "tinydocker manifest create makes one");
  return { digest, bytes: readKeptFile(`${paths.blobs}/${hexOf(digest)}`) };
}

/** @param amend an older list of this name gives way. @returns its digest. @throws ConflictError for a name that is taken */
export async function createList(
  paths: Paths,
  text: string,
  images: readonly string[],
  amend: boolean,
): Promise<Digest> {
  prepareStore(paths);
  const named = nameOf(text);
  if (imageNamed(paths, formatReference(named)) !== undefined)
    throw new ConflictError(`${text} is the name of an image`);
  if (!amend && findList(paths, text))
    throw new ConflictError(`there is a list ${text} already`, "--amend replaces it");
  return await write(paths, named, [], images, {});
}

/** Adds images to a list, or says something else of those that are in it. @throws NotFoundError */
export async function addToList(
  paths: Paths,
  text: string,
  images: readonly string[],
  options: EntryOptions,
): Promise<Digest> {
  const { bytes } = readList(paths, text);
  const { manifests } = JSON.parse(new TextDecoder().decode(bytes)) as { manifests: Entry[] };
  return await write(paths, nameOf(text), manifests, images, options);
}

async function write(
  paths: Paths,
  named: Name,
  known: Entry[],
  images: readonly string[],
  options: EntryOptions,
): Promise<Digest> {
  const staging = createStaging(paths); // while it lives, nothing that is listed is collected
  try {
    const records: ManifestRecord[] = [];
    const entries = new Map(known.map((entry) => [entry.digest, entry]));
    for (const image of images) {
      const { entry, record } = await entryOf(paths, image, options);
      entries.set(entry.digest, entry);
      records.push(record);
    }
    const content = JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests: [...entries.values()] });
    const digest = digestOf(content);
    const size = Buffer.byteLength(content);
    records.push({ digest, mediaType: indexType, size, blobs: [], manifests: [...entries.keys()] });
    const { name, tag } = named;
    for (const directory of repositoryDirectories(paths, name)) mkdirAll(directory);
    const before = readTag(paths, name, tag)?.manifest;
    installImages(
      paths,
      staging,
      new Map(),
      [],
      [
        [`${paths.blobs}/${hexOf(digest)}`, content],
        ...records.map((record): [string, string] => [
          manifestFile(paths, name, record.digest),
          formatManifest(record),
        ]),
        [tagFile(paths, name, tag), formatTag({ manifest: digest })],
      ],
    );
    if (before && before !== digest) dropList(paths, name, before);
    return digest;
  } finally {
    staging.discard();
  }
}

async function entryOf(
  paths: Paths,
  text: string,
  { annotations, ...platform }: EntryOptions,
): Promise<{ entry: Entry; record: ManifestRecord }> {
  const image = findImage(paths, text);
  if (!image)
    throw new NotFoundError(`no such image: ${text}`, `tinydocker pull ${text}, with --platform for another machine's`);
  const { digest, mediaType, bytes } = await outgoingManifest(paths, image.id);
  const manifest = parseManifest(bytes, `manifest ${digest}`);
  const blobs = manifest.kind === "manifest" ? [manifest.config, ...manifest.layers].map((blob) => blob.digest) : [];
  const { os, architecture, variant } = image.config;
  return {
    entry: {
      mediaType,
      digest,
      size: bytes.length,
      platform: { os, architecture, ...(variant && { variant }), ...platform },
      ...(annotations && Object.keys(annotations).length > 0 && { annotations }),
    },
    record: { digest, mediaType, size: bytes.length, blobs, manifests: [] },
  };
}

/** Takes a list's name away, and the list with its last. @throws NotFoundError */
export function removeList(paths: Paths, text: string): Digest {
  const { digest } = readList(paths, text);
  const { name, tag } = nameOf(text);
  withStoreLock(paths, "exclusive", () => unlink(tagFile(paths, name, tag)));
  dropList(paths, name, digest);
  return digest;
}

/** Removes a list that no tag names any more, and the manifests that only it listed. */
function dropList(paths: Paths, name: string, digest: Digest): void {
  withStoreLock(paths, "exclusive", () => {
    const tagged = new Set(listTags(paths, name).map((tag) => readTag(paths, name, tag)?.manifest));
    if (tagged.has(digest)) return;
    const { manifests } = parseManifest(readKeptFile(`${paths.blobs}/${hexOf(digest)}`), `the list ${digest}`) as Index;
    const others = listManifests(paths, name).filter((one) => one.digest !== digest);
    const isKept = (of: Digest) => tagged.has(of) || others.some((one) => one.manifests.includes(of));
    unlink(manifestFile(paths, name, digest));
    for (const one of manifests) if (!isKept(one.digest)) unlink(manifestFile(paths, name, one.digest));
    collectUnused(paths);
  });
  emptyTrash(paths);
}
