/** The image of a container that is to be made, and the lock of the store that keeps it there until the container is known. */

import { InvalidError } from "../../errors.ts";
import type { Image } from "../../image/store.ts";
import { close, type Fd, O_CREAT, O_RDWR, open } from "../../linux/file.ts";
import { flock } from "../../linux/flock.ts";
import { stat } from "../../linux/stat.ts";
import type { Platform } from "../../oci/manifest.ts";
import type { Paths } from "../../paths.ts";
import { resolveImageIfAny } from "../image/resolve.ts";
import type { CreateRequest, Reporter, RunImage } from "./request.ts";

/** The store's lock, shared, so that an image found in it stays until the container is known as its user. */
export interface StoreLock {
  take(): void;
  /** A second time does no harm. */
  release(): void;
}

export function lockStore(paths: Paths): StoreLock {
  let held: Fd | undefined;
  const lock: StoreLock = {
    take: () => {
      held = open(paths.lock, O_RDWR | O_CREAT, 0o600);
      flock(held, { shared: true, wait: true });
    },
    release: () => {
      if (held !== undefined) close(held);
      held = undefined;
    },
  };
  lock.take();
  return lock;
}

/** Finds the image. What the store does not have yet is loaded or pulled first, without the lock: that may take long. */
export async function prepareImage(
  paths: Paths,
  { source, platform, pull }: Pick<CreateRequest, "source" | "platform" | "pull">,
  store: StoreLock,
  reporter: Reporter,
): Promise<RunImage | { rootfs: string }> {
  if ("rootfs" in source) return source;
  const found = resolveImageIfAny(paths, source.image, process.cwd());
  if (found?.kind === "directory") return directoryAsRunImage(source.image, found.path, platform);
  if (found?.kind === "image" && !pull) return asRunImage(source.image, found.image, platform);
  store.release();
  const { obtainImage } = await import("../image/obtain.ts");
  const image = await obtainImage(paths, source.image, { pull, platform, found }, reporter, store.take);
  return asRunImage(source.image, image, platform);
}

/** Asked for by few. @param of the image; what does not say is for this machine. */
export function requirePlatform(name: string, platform: CreateRequest["platform"], of?: Platform): void {
  if (!platform) return;
  const { checkPlatform } = require("../../image/platform.ts") as typeof import("../../image/platform.ts");
  checkPlatform(name, platform, of);
}

/** A stored image as a container needs it. */
export function asRunImage(name: string, image: Image, platform?: CreateRequest["platform"]): RunImage {
  requirePlatform(name, platform, image.config);
  const top = image.layers.at(-1);
  if (top === undefined) throw new InvalidError(`${name} has no layers: there is nothing to run in it`);
  return { name, id: image.id, defaults: image.config.config, lower: image.layers, rootMode: stat(top).mode };
}

/** A root directory as one layer, which is never written to. */
export function directoryAsRunImage(name: string, path: string, platform?: CreateRequest["platform"]): RunImage {
  requirePlatform(name, platform);
  return { name, defaults: {}, lower: [path], rootMode: stat(path).mode };
}
