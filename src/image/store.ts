/**
 * The images in the store: finding and listing them. On the way of every `run`: system calls only, no node module.
 *
 *     refs/<url-encoded reference>   {"reference", "image"}               a name for an image, written last
 *     images/<hex of the id>         ImageRecord                          the image is whole
 *     blobs/sha256/<hex>             its configuration, byte for byte
 *     layers/<chain id>/             fs/ meta.json                        shared by every image with the same layers below
 *     l/<short>                      -> ../layers/<chain id>/fs
 */

import { ConflictError, InvalidError } from "../errors.ts";
import { readdir, readFileIfAny } from "../linux/file.ts";
import { type Digest, hexOf, isDigest, parseDigest } from "../oci/digest.ts";
import { type ImageConfig, parseImageConfig } from "../oci/image.ts";
import { fields, need, parseJson, text } from "../oci/json.ts";
import type { Paths } from "../paths.ts";
import { damaged, readRecord } from "./record.ts";
import { formatReference, parseReference } from "./reference.ts";

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

/**
 * An image by reference, or by its id or the first digits of it.
 * @throws ConflictError if several ids begin so; InvalidError if the text can be neither
 */
export function findImage(paths: Paths, reference: string): Image | undefined {
  const id = resolveId(paths, reference);
  return id && readImage(paths, id);
}

/** An image by its full id. Its references are only read when somebody asks: a run does not, and there may be many. */
export function readImage(paths: Paths, id: Digest, references?: string[]): Image | undefined {
  const record = readRecord(paths, id);
  if (!record) return undefined;
  const file = `${paths.blobs}/${hexOf(id)}`;
  const content = readFileIfAny(file);
  if (content === undefined) {
    if (!readRecord(paths, id)) return undefined; // removed while we were reading
    throw damaged(`image ${id}: its configuration is missing`);
  }
  const config = parseImageConfig(content, file, { trusted: true });
  return {
    id,
    get references() {
      references ??= (readReferences(paths).get(id) ?? []).sort();
      return references;
    },
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

function resolveId(paths: Paths, asked: string): Digest | undefined {
  const named = asked.startsWith("sha256:");
  const digits = named ? asked.slice(7) : asked;
  const prefix = digits.length <= 64 && /^[0-9a-f]+$/.test(digits) ? digits : undefined;
  if (prefix?.length === 64) return `sha256:${prefix}`;
  if (named && prefix) return resolvePrefix(paths, prefix);
  const record = readRef(paths, asked);
  if (record !== undefined) return parseRef(record, asked).image;
  return prefix ? resolvePrefix(paths, prefix) : undefined;
}

/** Most names are asked for as they are stored, and parsing them costs more than looking (half a millisecond, once). */
function readRef(paths: Paths, asked: string): string | undefined {
  const likely = asked.isWellFormed() ? refFile(paths, asked.includes(":") ? asked : `${asked}:latest`) : undefined;
  const record = likely && likely.length < 4000 ? readFileIfAny(likely) : undefined;
  return record ?? readFileIfAny(refFile(paths, formatReference(parseReference(asked))));
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

/** What the file of a reference holds. */
export const formatRef = (reference: string, image: Digest): string => `${JSON.stringify({ reference, image })}\n`;

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
