/** What the IMAGE of a command line means: a tar or layout to load, a directory to use, or an image of the store. */

import { NotFoundError } from "../../errors.ts";
import { findImage, type Image } from "../../image/store.ts";
import { type Stat, statIfAny } from "../../linux/stat.ts";
import { absolutePath, nowhere, type Paths } from "../../paths.ts";

/** An image ready to run, a directory that is one, or a file that has to be loaded first. */
export type Found =
  | { kind: "image"; image: Image }
  | { kind: "directory"; path: string }
  | { kind: "archive"; path: string };

/** A name that can only mean a file here: it has a slash first, a dot and slash, or an archive's ending. */
export const looksLikePath = /^\.{0,2}\/|\.(tar|tgz|tar\.(gz|xz|zst|bz2|zstd)|txz|tzst)$/;

/**
 * @param mayReadStore false for somebody who is not root and only wants an explanation.
 * Names of the store come first, unless the word is plainly a path: a file in a hostile directory takes no image's place.
 */
export function resolveImage(paths: Paths, word: string, cwd: string, mayReadStore = true): Found {
  const found = resolveImageIfAny(paths, word, cwd, mayReadStore);
  if (found) return found;
  throw new NotFoundError(
    `no image ${JSON.stringify(word)} in the store, and no such file`,
    "tinydocker images lists what there is",
  );
}

/** The same; undefined for the name of an image that the store does not have. */
export function resolveImageIfAny(paths: Paths, word: string, cwd: string, mayReadStore = true): Found | undefined {
  const named = !looksLikePath.test(word);
  if (named && (mayReadStore || !statIfAny(absolutePath(word, cwd)))) {
    const image = findImage(paths, word);
    if (image) return { kind: "image", image };
  }
  const path = named && cwd === nowhere ? `${nowhere}/${word}` : absolutePath(word, cwd);
  const stat = statIfAny(path);
  if (!stat) {
    if (!named)
      throw new NotFoundError(
        `no such file: ${word}`,
        "a tar, an OCI layout, a root directory, or a name from `tinydocker images`",
      );
    return undefined;
  }
  if (isRootfs(path, stat)) return { kind: "directory", path };
  // Without root the store is closed to us; the file itself tells enough to explain a run.
  const { findSource } = require("../../image/source.ts") as typeof import("../../image/source.ts");
  const image = mayReadStore ? findSource(paths, path) : undefined;
  return image ? { kind: "image", image } : { kind: "archive", path };
}

/** A directory that is not an OCI layout is a root file system. */
const isRootfs = (path: string, stat: Stat): boolean =>
  stat.type === "directory" && statIfAny(`${path}/oci-layout`) === undefined;
