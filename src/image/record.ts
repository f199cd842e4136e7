/** The record that makes an image exist: which layers it has. */

import { InvalidError } from "../errors.ts";
import { readFileIfAny } from "../linux/file.ts";
import { type Digest, hexOf, parseDigest } from "../oci/digest.ts";
import { count, fields, list, need, parseJson, text } from "../oci/json.ts";
import type { Paths } from "../paths.ts";

/** What `images/<hex of the id>` holds. */
export interface ImageRecord {
  id: Digest;
  /** Bottom first. `link` is the layer's name under `l/`. */
  layers: { chainId: Digest; link: string; sizeBytes: number }[];
}

/** Undefined where there is no such image. @throws InvalidError if the record is damaged */
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

export const formatRecord = (record: ImageRecord): string => `${JSON.stringify(record)}\n`;

export const damaged = (what: string): InvalidError =>
  new InvalidError(`the store is damaged: ${what}`, "load the image again");
