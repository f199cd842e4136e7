/** Gives an image one more name. */

import { NotFoundError, UsageError } from "../errors.ts";
import { writeFileAtomic } from "../linux/file.ts";
import type { Digest } from "../oci/digest.ts";
import type { Paths } from "../paths.ts";
import { formatReference, parseNewReference } from "./reference.ts";
import { withStoreLock } from "./staging.ts";
import { findImage, formatRef, refFile } from "./store.ts";

/** The name is taken from whatever image had it. @returns the image, and its new name. @throws NotFoundError */
export function tagImage(paths: Paths, source: string, target: string): { id: Digest; name: string } {
  const reference = parseNewReference(target);
  if (reference.digest !== undefined)
    throw new UsageError(`cannot tag as ${target}: a digest is not a name to give`, "NAME or NAME:TAG");
  const missing = new NotFoundError(`no such image: ${source}`, "tinydocker images lists the images there are");
  if (!findImage(paths, source)) throw missing; // before there is a store to lock
  return withStoreLock(paths, "shared", () => {
    const image = findImage(paths, source);
    if (!image) throw missing;
    const name = formatReference(reference);
    writeFileAtomic(refFile(paths, name), formatRef(name, image.id));
    return { id: image.id, name };
  });
}
