/**
 * The images in the store: finding, listing and removing them. On the way of every `run`: system calls only, no node module.
 *
 *     refs/<url-encoded reference>   {"reference", "image"}               a name for an image, written last
 *     images/<hex of the id>         ImageRecord                          the image is whole
 *     blobs/sha256/<hex>             its configuration, byte for byte
 *     layers/<chain id>/             fs/ meta.json                        shared by every image with the same layers below
 *     l/<short>                      -> ../layers/<chain id>/fs
 */

import { ConflictError, InvalidError, NotFoundError } from "../errors.ts";
import { readdir, readFileIfAny, unlink } from "../linux/file.ts";
import { type Digest, hexOf, isDigest, parseDigest } from "../oci/digest.ts";
import { type ImageConfig, parseImageConfig } from "../oci/image.ts";
import { count, fields, list, need, parseJson, text } from "../oci/json.ts";
import type { Paths } from "../paths.ts";
import { collectUnused } from "./garbage.ts";
import { formatReference, parseReference } from "./reference.ts";
import { emptyTrash, withStoreLock } from "./staging.ts";

export interface Image {
  /** The digest of the configuration. */
  id: Digest;
  /** Canonical, sorted; empty if nothing names the image any more. */
  references: string[];
  config: ImageConfig;
  /** Directories to mount, bottom first, by their short links: mount(2) takes one page of options, which is 100 of these. */
  layers: string[];
  /** Bytes of all files in all layers. */
  sizeBytes: number;
  /** RFC 3339; 1970 if the image does not say. */
  created: string;
}

/** What `images/<hex>` holds. */
export interface ImageRecord {
  id: Digest;
  layers: { chainId: Digest; link: string; sizeBytes: number }[];
}

/**
 * An image by reference, or by its id or the first digits of it.
 * @throws ConflictError if several ids begin so; InvalidError if the text can be neither
 */
export function findImage(paths: Paths, reference: string): Image | undefined {
  const id = resolveId(paths, reference);
  return id && readImage(paths, id, referencesOf(paths, id));
}

/** An image by its full id. `references` are only read from the store where the caller does not know them. */
export function readImage(paths: Paths, id: Digest, references?: string[]): Image | undefined {
  const record = readRecord(paths, id);
  if (!record) return undefined;
  const file = `${paths.blobs}/${hexOf(id)}`;
  const content = readFileIfAny(file);
  if (content === undefined) throw damaged(`image ${id}: its configuration is missing`);
  const config = parseImageConfig(content, file);
  return {
    id,
    references: references ?? referencesOf(paths, id),
    config,
    layers: record.layers.map(({ link }) => `${paths.links}/${link}`),
    sizeBytes: record.layers.reduce((sum, layer) => sum + layer.sizeBytes, 0),
    created: config.created ?? "1970-01-01T00:00:00Z",
  };
}

/** Every image, by creation, the newest first. A damaged one is left out. */
export function listImages(paths: Paths): Image[] {
  const references = readReferences(paths);
  const images: Image[] = [];
  for (const hex of readdir(paths.images) ?? []) {
    const id = `sha256:${hex}`;
    if (!isDigest(id)) continue;
    try {
      const image = readImage(paths, id, (references.get(id) ?? []).sort());
      if (image) images.push(image);
    } catch (error) {
      if (!(error instanceof InvalidError)) throw error;
    }
  }
  return images.sort((a, b) => (a.created < b.created ? 1 : a.created > b.created ? -1 : a.id < b.id ? -1 : 1));
}

export interface Removed {
  /** References that name nothing any more. */
  untagged: string[];
  /** The image, if nothing is left of it. */
  deleted?: Digest;
}

/**
 * Removes a name; with its last name, or by id, the image and the layers nobody else has.
 * `inUse` names who uses an image ("container web"). Forced, its names go but the image stays as long as it is used.
 * @throws NotFoundError, ConflictError
 */
export function removeImage(
  paths: Paths,
  reference: string,
  options: { force?: boolean; inUse: (id: Digest) => string | undefined },
): Removed {
  const removed = withStoreLock(paths, "exclusive", () => {
    const image = findImage(paths, reference);
    if (!image) throw new NotFoundError(`no such image: ${reference}`, "tinydocker images lists the images there are");
    const name = nameIn(image, reference);
    const untagged = name ? [name] : image.references;
    const last = untagged.length === image.references.length;
    const user = last ? options.inUse(image.id) : undefined;
    if (user && !options.force)
      throw new ConflictError(`cannot remove ${reference}: ${user} uses it`, "remove that first, or use --force");
    if (!name && untagged.length > 1 && !options.force)
      throw new ConflictError(
        `cannot remove ${reference}: it has several names (${untagged.join(", ")})`,
        "remove it by name, or use --force",
      );
    for (const text of untagged) unlink(refFile(paths, text));
    if (!last || user) return { untagged };
    // The record goes first: without it the image does not exist, whatever else is still there.
    unlink(`${paths.images}/${hexOf(image.id)}`);
    unlink(`${paths.blobs}/${hexOf(image.id)}`);
    collectUnused(paths);
    return { untagged, deleted: image.id };
  });
  emptyTrash(paths);
  return removed;
}

/** The reference of the image that was asked for, if it was asked for by name. */
function nameIn(image: Image, asked: string): string | undefined {
  if (/^sha256:[0-9a-f]*$/.test(asked)) return undefined;
  try {
    const name = formatReference(parseReference(asked));
    return image.references.includes(name) ? name : undefined;
  } catch {
    return undefined;
  }
}

function resolveId(paths: Paths, asked: string): Digest | undefined {
  if (isDigest(asked)) return asked;
  const prefix = /^(?:sha256:)?([0-9a-f]{1,64})$/.exec(asked)?.[1];
  if (asked.startsWith("sha256:") && prefix) return resolvePrefix(paths, prefix);
  if (prefix?.length === 64) return `sha256:${prefix}`;
  const record = readFileIfAny(refFile(paths, formatReference(parseReference(asked))));
  if (record !== undefined) return parseRef(record, asked).image;
  return prefix ? resolvePrefix(paths, prefix) : undefined;
}

function resolvePrefix(paths: Paths, prefix: string): Digest | undefined {
  const ids = (readdir(paths.images) ?? []).map((hex) => `sha256:${hex}`).filter(isDigest);
  const matches = ids.filter((id) => hexOf(id).startsWith(prefix));
  if (matches.length > 1)
    throw new ConflictError(`${matches.length} image ids begin with ${prefix}`, "give more digits");
  return matches[0];
}

/** Where a reference, in canonical form, is kept. */
export const refFile = (paths: Paths, reference: string): string => `${paths.refs}/${encodeURIComponent(reference)}`;

function parseRef(content: string, subject: string): { reference: string; image: Digest } {
  const found = fields(parseJson(content, subject), subject, { reference: text, image: parseDigest });
  return { reference: need(found.reference, `${subject}: reference`), image: need(found.image, `${subject}: image`) };
}

/** All references, by image. */
function readReferences(paths: Paths): Map<Digest, string[]> {
  const references = new Map<Digest, string[]>();
  for (const name of readdir(paths.refs) ?? []) {
    const content = readFileIfAny(`${paths.refs}/${name}`);
    if (content === undefined) continue;
    try {
      const { reference, image } = parseRef(content, name);
      references.set(image, [...(references.get(image) ?? []), reference]);
    } catch (error) {
      if (!(error instanceof InvalidError)) throw error; // a damaged name names nothing
    }
  }
  return references;
}

const referencesOf = (paths: Paths, id: Digest): string[] => (readReferences(paths).get(id) ?? []).sort();

/** The record of an image, or undefined where there is none. */
export function readRecord(paths: Paths, id: Digest): ImageRecord | undefined {
  const file = `${paths.images}/${hexOf(id)}`;
  const content = readFileIfAny(file);
  if (content === undefined) return undefined;
  const layer = (value: unknown, where: string) => {
    const found = fields(value, where, { chainId: parseDigest, link: text, sizeBytes: count });
    const link = need(found.link, `${where}: link`);
    if (!/^[0-9a-f]{12,64}$/.test(link)) throw damaged(`${where}: link is no short id`);
    return { chainId: need(found.chainId, `${where}: chainId`), link, sizeBytes: found.sizeBytes ?? 0 };
  };
  const found = fields(parseJson(content, file), file, { layers: list(layer) });
  return { id, layers: need(found.layers, `${file}: layers`) };
}

const damaged = (what: string): InvalidError =>
  new InvalidError(`the store is damaged: ${what}`, "remove the image and load it again");
