/** Removes images: their names, and with the last name what only they had. */

import { ConflictError, NotFoundError } from "../errors.ts";
import { unlink } from "../linux/file.ts";
import { type Digest, hexOf } from "../oci/digest.ts";
import type { Paths } from "../paths.ts";
import { collectUnused } from "./garbage.ts";
import { formatReference, parseReference } from "./reference.ts";
import { emptyTrash, withStoreLock } from "./staging.ts";
import { findAnyImage, type Image, isDamagedReference, refFile } from "./store.ts";

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
    const broken = canonical(reference);
    if (broken !== undefined && isDamagedReference(paths, broken)) {
      unlink(refFile(paths, broken));
      return { untagged: [broken] };
    }
    const image = findAnyImage(paths, reference);
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
  const name = canonical(asked);
  return name !== undefined && image.references.includes(name) ? name : undefined;
}

function canonical(asked: string): string | undefined {
  if (/^sha256:[0-9a-f]*$/.test(asked)) return undefined;
  try {
    return formatReference(parseReference(asked));
  } catch {
    return undefined;
  }
}
