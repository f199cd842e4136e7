/** Removes images: their names, and with the last name what only they had. */

import { ConflictError, NotFoundError } from "../errors.ts";
import { unlink } from "../linux/names.ts";
import { statIfAny } from "../linux/stat.ts";
import { type Digest, hexOf, isDigest } from "../oci/digest.ts";
import type { Platform } from "../oci/manifest.ts";
import type { Paths } from "../paths.ts";
import { collectUnused } from "./garbage.ts";
import { formatReference, isDigestName, parseReference, repositoryOf } from "./reference.ts";
import { emptyTrash, withStoreLock } from "./staging.ts";
import { findAnyImage, findNamedImage, isDamagedReference, readAnyImage, refFile } from "./store.ts";

export interface Removed {
  /** Of which image; undefined for a name that was damaged. */
  id?: Digest;
  /** References that name nothing any more. */
  untagged: string[];
  /** The image, if nothing is left of it. */
  deleted?: Digest;
}

export interface RemoveOptions {
  /** Its names go although there are several; the image stays as long as it is used. */
  force?: boolean;
  /** The reference is a name of the store, whatever else it could be. */
  isName?: boolean;
  /** Who uses an image ("container web"). */
  inUse(id: Digest): string | undefined;
  /** Throws for an image that is not wanted. */
  check?(name: string, image: Platform): void;
}

/**
 * Removes a name; with its last name, or by id, the image and the layers nobody else has.
 * @throws NotFoundError, ConflictError
 */
export function removeImage(paths: Paths, reference: string, options: RemoveOptions): Removed {
  const removed = withStoreLock(paths, "exclusive", () => {
    const asked = options.isName ? reference : canonical(paths, reference);
    if (asked !== undefined && isDamagedReference(paths, asked)) {
      unlink(refFile(paths, asked));
      return { untagged: [asked] };
    }
    const named = asked === undefined ? undefined : findNamedImage(paths, asked);
    const image = named || options.isName ? named : findAnyImage(paths, reference);
    if (!image) throw new NotFoundError(`no such image: ${reference}`, "tinydocker images lists the images there are");
    options.check?.(reference, image.config);
    const name = asked !== undefined && image.references.includes(asked) ? asked : undefined;
    const untagged = name ? [name, ...orphans(image.references, name)] : image.references;
    const last = untagged.length === image.references.length;
    const user = last ? options.inUse(image.id) : undefined;
    if (user && !options.force)
      throw new ConflictError(`cannot remove ${reference}: ${user} uses it`, "remove that first, or use --force");
    if (!name && !isOneName(untagged) && !options.force)
      throw new ConflictError(
        `cannot remove ${reference}: it has several names (${untagged.join(", ")})`,
        "remove it by name, or use --force",
      );
    for (const text of untagged) unlink(refFile(paths, text));
    if (!last || user) return { id: image.id, untagged };
    // The record goes first: without it the image does not exist, whatever else is still there.
    unlink(`${paths.images}/${hexOf(image.id)}`);
    collectUnused(paths);
    return { id: image.id, untagged, deleted: image.id };
  });
  emptyTrash(paths);
  return removed;
}

/** With the last tag of a repository go the names that say what was pulled from there: as Docker does. */
function orphans(references: readonly string[], removed: string): string[] {
  if (isDigestName(removed)) return [];
  const same = references.filter((name) => name !== removed && repositoryOf(name) === repositoryOf(removed));
  return same.every(isDigestName) ? same : [];
}

/** A tag and what it was pulled as are one name. */
const isOneName = (references: readonly string[]): boolean =>
  references.length < 2 ||
  (references.filter((name) => !isDigestName(name)).length < 2 && new Set(references.map(repositoryOf)).size === 1);

/** `sha256:abc` is the beginning of an id, unless an older store has it as a name: by that nothing else could remove it. */
function canonical(paths: Paths, asked: string): string | undefined {
  if (/^sha256:[0-9a-f]*$/.test(asked)) {
    const isImage = isDigest(asked) && readAnyImage(paths, asked) !== undefined;
    return !isImage && statIfAny(refFile(paths, asked)) ? asked : undefined;
  }
  try {
    const reference = parseReference(asked);
    const name = formatReference(reference);
    const { name: repository, digest } = reference;
    // Beside a digest a tag says nothing.
    return digest && !statIfAny(refFile(paths, name)) ? formatReference({ name: repository, digest }) : name;
  } catch {
    return undefined;
  }
}
