/** The record that makes an image exist: which layers it has. */

import { type DamagedError, InvalidError } from "../errors.ts";
import { type Digest, hexOf, isDigest } from "../oci/digest.ts";
import type { Paths } from "../paths.ts";
import { readRecordFile } from "../record-file.ts";
import {
  type Check,
  damaged as damagedObject,
  formatRecord as format,
  kindOf,
  list,
  number,
  object,
  type Parsed,
  parseRecord,
  text,
} from "../schema.ts";

/** What `images/<hex of the id>` holds. */
export interface ImageRecord {
  id: Digest;
  /** Bottom first. `link` is the layer's name under `l/`. */
  layers: { chainId: Digest; link: string; sizeBytes: number }[];
  /** What registries had it as, each once, the last pulled last; none of an image that was made or loaded. */
  manifests: KeptManifest[];
}

/** A manifest that is kept as it came: `blobs/` has it and its indexes. */
export interface KeptManifest {
  digest: Digest;
  mediaType: string;
  /** The indexes that led to it, the outermost first. */
  indexes: Digest[];
  /** The blobs of its layers, bottom first, as they came. Each may be gone: room is made of them (`dropLayerBlobs`). */
  layers: Digest[];
}

export const digest: Check<Digest> = (value) => (isDigest(value) ? undefined : " is not a sha256 digest");

/** A name under `l/`, and nothing that leads elsewhere. */
export const link: Check<string> = (value) =>
  text(value) ?? (/^[0-9a-f]{12,64}$/.test(value as string) ? undefined : " is not a short id");

const imageKind = kindOf<ImageRecord>(
  {
    id: digest,
    layers: list(object<ImageRecord["layers"][number]>({ chainId: digest, link, sizeBytes: number })),
    manifests: list(
      object<KeptManifest>(() => ({ digest, mediaType: text, indexes: list(digest), layers: list(digest) })),
    ),
  },
  { upgrades: [(old) => ({ ...old, manifests: [] })] },
);

/** Undefined where there is no such image. */
export function parseImage(paths: Paths, id: Digest): Parsed<ImageRecord> | undefined {
  const content = readRecordFile(`${paths.images}/${hexOf(id)}`);
  return content === undefined ? undefined : parseRecord(imageKind, content, `images/${hexOf(id)}`);
}

/** Undefined where there is no such image. @throws DamagedError */
export function readRecord(paths: Paths, id: Digest): ImageRecord | undefined {
  const parsed = parseImage(paths, id);
  if (parsed?.damage !== undefined) throw damagedImage(shortId(id), parsed.damage);
  return parsed?.value;
}

/** The layers of an image; none of one that is damaged, or not there. */
export const knownLayers = (paths: Paths, id: Digest): ImageRecord["layers"] =>
  parseImage(paths, id)?.value?.layers ?? [];

export const formatRecord = (record: ImageRecord): string => `${format(imageKind, record)}\n`;

export const shortId = (id: Digest): string => hexOf(id).slice(0, 12);

/** @param name as the user has it. */
export const damagedImage = (name: string, damage: string): DamagedError =>
  damagedObject(`image ${name}`, damage, `load it again, or remove it: tinydocker rmi ${name}`);

export const damaged = (what: string): InvalidError =>
  new InvalidError(`the store is damaged: ${what}`, "load the image again");
