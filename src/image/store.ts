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
import { readdir } from "../linux/directory.ts";
import { type Digest, hexOf, isDigest } from "../oci/digest.ts";
import { type ImageConfig, parseImageConfig } from "../oci/image.ts";
import type { Paths } from "../paths.ts";
import { readRecordFile } from "../record-file.ts";
import { formatRecord, kindOf, type Parsed, parseRecord, text } from "../schema.ts";
import { damagedImage, digest, parseImage } from "./record.ts";

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
  /** What is wrong with it, if something is: `is damaged: images/0123 is empty`. The rest is what could be read of it. */
  damage?: string;
}

/**
 * An image by reference, or by its id or the first digits of it.
 * @throws ConflictError if several ids begin so; InvalidError if the text can be neither
 */
export function findImage(paths: Paths, reference: string): Image | undefined {
  const image = findAnyImage(paths, reference);
  if (image?.damage !== undefined) throw damagedImage(reference, image.damage);
  return image;
}

/** The same for who can do with what is left of a damaged one. @throws DamagedError if it is the name that is damaged */
export function findAnyImage(paths: Paths, reference: string): Image | undefined {
  const id = resolveId(paths, reference);
  return id && readAnyImage(paths, id);
}

/** An image by its full id, damaged or not. Its references are only read when somebody asks: a run does not, and there may be many. */
export function readAnyImage(paths: Paths, id: Digest, references?: string[]): Image | undefined {
  const names = () => {
    references ??= (readReferences(paths).get(id) ?? []).sort();
    return references;
  };
  const isNamed = () => names().some((name) => parseRef(paths, refName(name)) !== undefined);
  const record = parseImage(paths, id) ?? (isNamed() ? lost(`images/${hexOf(id)}`) : undefined);
  if (!record) return undefined;
  const configured = readConfig(paths, id);
  const damage = record.damage ?? configured.damage;
  if (damage !== undefined && !parseImage(paths, id) && !isNamed()) return undefined; // removed while we were reading
  const { layers } = record.value ?? { layers: [] };
  const { config = noConfig } = configured;
  return {
    id,
    get references() {
      return names();
    },
    config,
    layers: layers.map(({ link }) => `${paths.links}/${link}`),
    sizeBytes: layers.reduce((sum, layer) => sum + layer.sizeBytes, 0),
    created: config.created ?? "1970-01-01T00:00:00Z",
    ...(damage !== undefined && { damage }),
  };
}

const noConfig: ImageConfig = { architecture: "", os: "", config: {}, rootfs: { type: "layers", diff_ids: [] } };

const lost = (file: string): { damage: string; value?: undefined; config?: undefined } => ({
  damage: `is damaged: ${file} is missing`,
});

function readConfig(
  paths: Paths,
  id: Digest,
): { config: ImageConfig; damage?: undefined } | { config?: undefined; damage: string } {
  const file = `blobs/sha256/${hexOf(id)}`;
  const content = readRecordFile(`${paths.blobs}/${hexOf(id)}`);
  if (content === undefined) return lost(file);
  if (typeof content === "object") return { damage: `is damaged: ${file} ${content.unreadable}` };
  try {
    return { config: parseImageConfig(content, file, { trusted: true }) };
  } catch (error) {
    if (!(error instanceof InvalidError)) throw error;
    return { damage: `is damaged: ${content === "" ? `${file} is empty` : error.message}` };
  }
}

/** Every image, by creation, the newest first; also those that are damaged. */
export function listImages(paths: Paths): Image[] {
  const references = readReferences(paths);
  const ids = new Set([
    ...(readdir(paths.images) ?? []).map((hex) => `sha256:${hex}`).filter(isDigest),
    ...references.keys(),
  ]);
  const images = [...ids].flatMap((id) => readAnyImage(paths, id, (references.get(id) ?? []).sort()) ?? []);
  return images.sort((a, b) => (a.created < b.created ? 1 : a.created > b.created ? -1 : a.id < b.id ? -1 : 1));
}

function resolveId(paths: Paths, asked: string): Digest | undefined {
  const named = asked.startsWith("sha256:");
  const digits = named ? asked.slice(7) : asked;
  const prefix = digits.length <= 64 && /^[0-9a-f]+$/.test(digits) ? digits : undefined;
  if (prefix?.length === 64) return `sha256:${prefix}`;
  if (named && prefix) return resolvePrefix(paths, prefix);
  const { value, damage } = readRef(paths, asked) ?? {};
  if (damage !== undefined) throw damagedImage(asked, damage);
  if (value) return value.image;
  return prefix ? resolvePrefix(paths, prefix) : undefined;
}

/** Most names are asked for as they are stored, and parsing them costs more than looking (half a millisecond, once). */
function readRef(paths: Paths, asked: string): Parsed<Ref> | undefined {
  const likely = asked.isWellFormed() ? refName(asked.includes(":") ? asked : `${asked}:latest`) : undefined;
  const found = likely && likely.length < 4000 ? parseRef(paths, likely) : undefined;
  if (found) return found;
  const { normaliseReference, withoutTag } = require("./reference.ts") as typeof import("./reference.ts");
  const name = normaliseReference(asked);
  return parseRef(paths, refName(name)) ?? parseRef(paths, refName(withoutTag(name)));
}

function resolvePrefix(paths: Paths, prefix: string): Digest | undefined {
  const ids = (readdir(paths.images) ?? []).map((hex) => `sha256:${hex}`).filter(isDigest);
  const matches = ids.filter((id) => hexOf(id).startsWith(prefix));
  if (matches.length > 1)
    throw new ConflictError(`${matches.length} image ids begin with ${prefix}`, "give more digits");
  return matches[0];
}

/** Where a reference, in canonical form, is kept. */
export const refFile = (paths: Paths, reference: string): string => `${paths.refs}/${refName(reference)}`;

const refName = encodeURIComponent;

interface Ref {
  reference: string;
  image: Digest;
}

const refKind = kindOf<Ref>({ reference: text, image: digest });

/** What the file of a reference holds. */
export const formatRef = (reference: string, image: Digest): string =>
  `${formatRecord(refKind, { reference, image })}\n`;

/** What is kept under the name of a file of `refs/`. */
export function parseRef(paths: Paths, name: string): Parsed<Ref> | undefined {
  const content = readRecordFile(`${paths.refs}/${name}`);
  return content === undefined ? undefined : parseRecord(refKind, content, `refs/${name}`);
}

/** True for a reference that is there, and does not say what image it is of. */
export const isDamagedReference = (paths: Paths, reference: string): boolean =>
  parseRef(paths, refName(reference))?.damage !== undefined;

/** The image that has a name, in canonical form, also one that reads as an id. @throws DamagedError */
export function findNamedImage(paths: Paths, name: string): Image | undefined {
  const { value, damage } = parseRef(paths, refName(name)) ?? {};
  if (damage !== undefined) throw damagedImage(name, damage);
  return value && readAnyImage(paths, value.image);
}

/** All references, by image. */
function readReferences(paths: Paths): Map<Digest, string[]> {
  const references = new Map<Digest, string[]>();
  for (const name of readdir(paths.refs) ?? []) {
    const ref = parseRef(paths, name)?.value; // a damaged name names nothing
    if (ref) references.set(ref.image, [...(references.get(ref.image) ?? []), ref.reference]);
  }
  return references;
}
