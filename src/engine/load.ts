/** Loading an image file into the store, on its own or because a run needs it. */

import { type LoadedImage, type LoadProgress, loadImages } from "../image/load.ts";
import { execve, stringVector } from "../linux/process.ts";
import type { Paths } from "../paths.ts";
import { recordEvent } from "./events.ts";
import { endIfInterrupted } from "./interrupt.ts";

/** As loadImages; a signal, which has to be blocked (main.ts), undoes it: what was extracted so far is removed. */
export async function load(
  paths: Paths,
  file: string,
  options: { reference?: string },
  onProgress: (progress: LoadProgress) => void,
): Promise<LoadedImage[]> {
  const images = await loadImages(paths, file, {
    ...options,
    onProgress: (progress) => {
      endIfInterrupted();
      onProgress(progress);
    },
  });
  for (const { id, references } of images)
    recordEvent(paths, { type: "image", action: "load", id, attributes: { name: references[0] ?? id } });
  endIfInterrupted();
  return images;
}

/**
 * Starts this command line again, with the image now in the store. Loading has started threads, and a process with
 * threads must not fork (runtime/birth.ts); execve(2) leaves them all behind for 3 ms.
 */
export function startAgain(imageId: string): never {
  const env = Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
  execve(
    "/proc/self/exe",
    stringVector(["tinydocker", "--loaded", imageId, ...process.argv.slice(2)]),
    stringVector(env),
  );
}
