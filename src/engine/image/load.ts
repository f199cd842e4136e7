/** Loading an image file into the store, on its own or because a run needs it. */

import { type LoadedImage, type LoadProgress, loadImages } from "../../image/load.ts";
import type { Paths } from "../../paths.ts";
import { recordEvent } from "../record/events.ts";
import { endIfInterrupted } from "./interrupt.ts";

/** As loadImages; a signal, which has to be blocked (main.ts), undoes it: what was extracted so far is removed. */
export async function load(
  paths: Paths,
  file: string,
  options: { reference?: string; maxBytes?: number },
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
