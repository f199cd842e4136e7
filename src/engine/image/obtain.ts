/** The image of a `run` or `create` that is not in the store, or that a registry is to be asked for: it is loaded or pulled. */

import { InterruptedError, NotFoundError, UsageError } from "../../errors.ts";
import { normaliseReference } from "../../image/reference.ts";
import { findImage, type Image } from "../../image/store.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Platform } from "../../oci/manifest.ts";
import type { Paths } from "../../paths.ts";
import type { PullReport } from "./pull.ts";
import { type Found, looksLikePath } from "./resolve.ts";

interface Asked {
  pull: "always" | "newer" | "never" | undefined;
  platform: Partial<Platform> | undefined;
  /** What the word means here. */
  found: Exclude<Found, { kind: "directory" }> | undefined;
}

interface ObtainReporter {
  warn(text: string): void;
  loading(file: string): {
    update(progress: { layer: number; ofLayers: number; bytes: number; totalBytes: number }): void;
    done(): void;
  };
  pulling(missing: string | undefined): PullReport & { close(): void };
}

/** The caller has not got the store's lock. @param takeLock takes it, before the image is looked up. @throws NotFoundError */
export async function obtainImage(
  paths: Paths,
  word: string,
  { pull, platform, found }: Asked,
  reporter: ObtainReporter,
  takeLock: () => void,
): Promise<Image> {
  const isFile = found?.kind === "archive";
  if (isFile && pull && pull !== "never")
    throw new UsageError(`--pull ${pull}: ${word} is a file, and no image of a registry`);
  const here = found?.kind === "image" ? found.image.id : undefined;
  const id = isFile
    ? await loadFile(paths, word, found.path, reporter)
    : here && pull === "never"
      ? here
      : await pullName(paths, word, { pull, platform, here }, reporter);
  takeLock();
  const image = findImage(paths, id);
  if (!image) throw new NotFoundError(`the image that was just obtained is gone: ${id}`);
  return image;
}

async function loadFile(paths: Paths, word: string, path: string, { warn, loading }: ObtainReporter): Promise<Digest> {
  const { loadOne } = await import("./load.ts");
  const progress = loading(path);
  return (await loadOne(paths, word, path, { warn }, progress.update).finally(progress.done)).id;
}

async function pullName(
  paths: Paths,
  word: string,
  { pull, platform, here }: Pick<Asked, "pull" | "platform"> & { here: Digest | undefined },
  { warn, pulling }: ObtainReporter,
): Promise<Digest> {
  const hint = "tinydocker images lists what there is";
  if (pull === "never")
    throw new NotFoundError(`no such image: ${word}`, `with --pull never no registry is asked; ${hint}`);
  // A path, or an image id.
  if (looksLikePath.test(word) || word.startsWith("sha256:")) throw new NotFoundError(`no such image: ${word}`, hint);
  const { pull: pullImages } = await import("./pull.ts");
  const report = pulling(here ? undefined : normaliseReference(word));
  try {
    const { pulled } = await pullImages(paths, { image: word, platform }, report).finally(report.close);
    return pulled[0]!.id;
  } catch (error) {
    // Without a registry the image that is here is as new as can be known.
    if (pull !== "newer" || !here || error instanceof InterruptedError) throw error;
    warn(`the image that is here is used: ${(error as Error).message}`);
    return here;
  }
}
