/** Loading an image file into the store, on its own or because a run needs it. */

import { type LoadedImage, type LoadOptions, type LoadProgress, loadImages } from "../../image/load.ts";
import { findImage } from "../../image/store.ts";
import { findSignal } from "../../linux/signal-name.ts";
import type { Paths } from "../../paths.ts";
import { recordEvent } from "../record/events.ts";
import { endIfInterrupted } from "./interrupt.ts";

/** As loadImages; a signal, which has to be blocked (main.ts), undoes it: what was extracted so far is removed. */
export async function load(
  paths: Paths,
  file: string,
  options: Omit<LoadOptions, "onProgress"> & { warn?(text: string): void },
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
  for (const { id, references } of images) checkStopSignal(paths, id, references[0] ?? id, options.warn);
  endIfInterrupted();
  return images;
}

/** The same for a file that has to have one image. @param name by which the user knows it. */
export async function loadOne(paths: Paths, name: string, ...how: LoadHow): Promise<LoadedImage> {
  const images = await load(paths, ...how);
  const [first] = images;
  if (first && images.length === 1) return first;
  const { severalImages } = await import("../../image/source.ts");
  throw severalImages(
    name,
    images.flatMap(({ references }) => references),
  );
}

type LoadHow = Parameters<typeof load> extends [Paths, ...infer More] ? More : never;

/** Better told now than when the container is to be stopped. */
function checkStopSignal(paths: Paths, id: string, name: string, warn: (text: string) => void = () => {}): void {
  const signal = findImage(paths, id)?.config.config.StopSignal;
  if (signal && findSignal(signal) === undefined)
    warn(`${name}: its StopSignal ${JSON.stringify(signal)} is not a signal: \`stop\` sends SIGTERM`);
}
