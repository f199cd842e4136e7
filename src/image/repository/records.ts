/**
 * What the store keeps of repositories beside its images: manifests as registries have them, of images for other machines,
 * of several platforms, and of what is no image (signatures, charts), with the tags that name them. Pushed to `registry serve`,
 * or made by `manifest create`.
 *
 *     repositories/<url-encoded name>/tags/<tag>        TagRecord
 *     repositories/<url-encoded name>/manifests/<hex>   ManifestRecord: what it refers to stays in blobs/ as long as this is here
 *     repositories/<url-encoded name>/blobs/<hex>       empty: pushed, and no manifest has it yet
 */

import { readdir } from "../../linux/directory.ts";
import { rmdir } from "../../linux/names.ts";
import { type Digest, hexOf, isDigest } from "../../oci/digest.ts";
import type { Paths } from "../../paths.ts";
import { readableRecord } from "../../record-file.ts";
import { type Check, formatRecord, kindOf, list, map, number, optional, parseRecord, text } from "../../schema.ts";

export interface TagRecord {
  manifest: Digest;
  /** The image that was unpacked for this machine: the tag counts as long as the image has its name. */
  image?: Digest;
}

export interface ManifestRecord {
  digest: Digest;
  mediaType: string;
  size: number;
  /** Its configuration and its layers. */
  blobs: Digest[];
  /** The manifests that an index lists. */
  manifests: Digest[];
  /** What it is about: of a signature the image. */
  subject?: Digest;
  artifactType?: string;
  annotations?: Record<string, string>;
  /** The image that was unpacked for this machine. */
  image?: Digest;
}

const digest: Check<Digest> = (value) => (isDigest(value) ? undefined : " is not a sha256 digest");

const tagKind = kindOf<TagRecord>({ manifest: digest, image: optional(digest) });

const manifestKind = kindOf<ManifestRecord>({
  digest,
  mediaType: text,
  size: number,
  blobs: list(digest),
  manifests: list(digest),
  subject: optional(digest),
  artifactType: optional(text),
  annotations: optional(map(text)),
  image: optional(digest),
});

/** A repository's directory. @param name canonical, as references begin with (`quay.io/org/app`, `busybox`). */
const directoryOf = (paths: Paths, name: string): string => `${paths.repositories}/${encodeURIComponent(name)}`;

/** Directories that have to be there before something is put into a repository. */
export const repositoryDirectories = (paths: Paths, name: string): string[] =>
  ["tags", "manifests", "blobs"].map((part) => `${directoryOf(paths, name)}/${part}`);

export const tagFile = (paths: Paths, name: string, tag: string): string => `${directoryOf(paths, name)}/tags/${tag}`;

export const manifestFile = (paths: Paths, name: string, of: Digest): string =>
  `${directoryOf(paths, name)}/manifests/${hexOf(of)}`;

/** Says that a blob is part of a repository, for as long as it takes until a manifest says so. */
export const blobLink = (paths: Paths, name: string, of: Digest): string =>
  `${directoryOf(paths, name)}/blobs/${hexOf(of)}`;

export const formatTag = (tag: TagRecord): string => `${formatRecord(tagKind, tag)}\n`;

export const formatManifest = (manifest: ManifestRecord): string => `${formatRecord(manifestKind, manifest)}\n`;

/** Undefined for a tag that is not there, and for one that is damaged: it names nothing. */
export function readTag(paths: Paths, name: string, tag: string): TagRecord | undefined {
  const file = tagFile(paths, name, tag);
  return parseRecord(tagKind, readableRecord(file), file).value;
}

export function readManifestRecord(paths: Paths, name: string, of: Digest): ManifestRecord | undefined {
  const file = manifestFile(paths, name, of);
  return parseRecord(manifestKind, readableRecord(file), file).value;
}

/** Canonical names of all repositories that have records. */
export const listRepositories = (paths: Paths): string[] => (readdir(paths.repositories) ?? []).map(decodeURIComponent);

export const isRepository = (paths: Paths, name: string): boolean => readdir(directoryOf(paths, name)) !== undefined;

/** Tags that have records; whether they still count says `TagRecord.image`. */
export const listTags = (paths: Paths, name: string): string[] => readdir(`${directoryOf(paths, name)}/tags`) ?? [];

export const listManifests = (paths: Paths, name: string): ManifestRecord[] =>
  digestsIn(`${directoryOf(paths, name)}/manifests`).flatMap((one) => readManifestRecord(paths, name, one) ?? []);

/** Blobs that were pushed and that no manifest had then. */
export const listBlobLinks = (paths: Paths, name: string): Digest[] => digestsIn(`${directoryOf(paths, name)}/blobs`);

const digestsIn = (directory: string): Digest[] =>
  (readdir(directory) ?? []).map((hex) => `sha256:${hex}`).filter(isDigest);

/** Takes away the directories of a repository that has nothing in it any more. The caller holds the store's lock exclusively. */
export function removeIfEmpty(paths: Paths, name: string): void {
  for (const directory of [...repositoryDirectories(paths, name), directoryOf(paths, name)]) rmdir(directory);
}
