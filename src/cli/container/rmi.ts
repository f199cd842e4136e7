/** `run --rmi`: when the container has ended, its image goes too. */

import { rmi } from "../../engine/image/remove.ts";
import { resolveImageIfAny } from "../../engine/image/resolve.ts";
import { ConflictError, explain, UsageError } from "../../errors.ts";
import { findImage } from "../../image/store.ts";
import type { Paths } from "../../paths.ts";
import { warn } from "../words/print.ts";

/** @throws UsageError where there would be nothing, or nobody, to remove it. */
export function checkRmi(paths: Paths, { image, detach }: { image: string; detach?: boolean | undefined }): void {
  if (detach) throw new UsageError("--rmi waits for the end, and --detach does not");
  if (resolveImageIfAny(paths, image, process.cwd())?.kind === "directory")
    throw new UsageError(`--rmi: ${image} is a directory, and no image of the store`);
}

/** One that another container uses, or that has other names, stays; as podman does, that is only said. */
export function removeRunImage(paths: Paths, image: string): void {
  const found = resolveImageIfAny(paths, image, process.cwd());
  if (found?.kind !== "image") return;
  // A file is no name.
  const { id } = found.image;
  try {
    rmi(paths, findImage(paths, image)?.id === id ? image : id, { force: false });
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error;
    warn(`--rmi: ${explain(error).text}`);
  }
}
