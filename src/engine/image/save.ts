/** Saving images: what the words of a command line select, written as one archive. */

import { NotFoundError } from "../../errors.ts";
import { damagedImage } from "../../image/record.ts";
import { formatReference, parseReference } from "../../image/reference.ts";
import { type SaveOptions, type Selected, saveImages } from "../../image/save.ts";
import { findImage, listImages } from "../../image/store.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Paths } from "../../paths.ts";
import { recordEvent } from "../record/events.ts";
import { withOutput } from "./output.ts";

/** @param file stdout if undefined. @param check throws for an image that is not wanted. @returns the size of the archive. */
export async function save(
  paths: Paths,
  words: readonly string[],
  file: string | undefined,
  options: SaveOptions,
  check: (name: string, image: Selected["image"]["config"]) => void = () => {},
): Promise<number> {
  const selected = select(paths, words);
  for (const { image, references } of selected) check(references[0] ?? image.id, image.config);
  const bytes = await withOutput(file, (write) => saveImages(paths, selected, options, write));
  for (const { image, references } of selected)
    recordEvent(paths, {
      type: "image",
      action: "save",
      id: image.id,
      attributes: { name: references[0] ?? image.id },
    });
  return bytes;
}

/** Each image once. A name without a tag stands for all tags of that name, as Docker's does; an id for no name. */
export function select(paths: Paths, words: readonly string[]): Selected[] {
  const selected = new Map<Digest, Selected>();
  const add = (image: Selected["image"], references: string[]) => {
    if (image.damage !== undefined) throw damagedImage(references[0] ?? image.id, image.damage);
    const known = selected.get(image.id) ?? { image, references: [] };
    known.references = [...new Set([...known.references, ...references])];
    selected.set(image.id, known);
  };
  for (const word of words) {
    const tagged = allTags(paths, word);
    for (const { image, references } of tagged) add(image, references);
    if (tagged.length > 0) continue;
    const image = findImage(paths, word);
    if (!image) throw new NotFoundError(`no such image: ${word}`, "tinydocker images lists the images there are");
    add(
      image,
      image.references.filter((reference) => reference === canonical(word)),
    );
  }
  return [...selected.values()];
}

/** The images of a name without a tag; none for other words. */
function allTags(paths: Paths, word: string): Selected[] {
  const name = canonical(word)?.replace(/:latest$/, "");
  if (name === undefined || word.includes("@") || /:[^/]*$/.test(word)) return [];
  return listImages(paths).flatMap((image) => {
    const references = image.references.filter((reference) => reference.replace(/:[^/:]*$/, "") === name);
    return references.length > 0 ? [{ image, references }] : [];
  });
}

function canonical(word: string): string | undefined {
  try {
    return formatReference(parseReference(word));
  } catch {
    return undefined; // it can only be an id
  }
}
