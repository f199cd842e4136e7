/** Loading an image file into the store, on its own or because a run needs it. */

import { InterruptedError } from "../errors.ts";
import { type LoadedImage, type LoadProgress, loadImages } from "../image/load.ts";
import { execve, stringVector } from "../linux/process.ts";
import type { Paths } from "../paths.ts";

const interrupts = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 } as const;

/** As loadImages, and a signal undoes it: what was extracted so far is removed before we end. */
export async function load(
  paths: Paths,
  file: string,
  options: { reference?: string },
  onProgress: (progress: LoadProgress) => void,
): Promise<LoadedImage[]> {
  let signal: number | undefined;
  const listeners = Object.entries(interrupts).map(([name, number]) => {
    const listener = () => {
      signal = number;
    };
    process.on(name, listener);
    return () => process.off(name, listener);
  });
  try {
    return await loadImages(paths, file, {
      ...options,
      onProgress: (progress) => {
        if (signal !== undefined) throw new InterruptedError("interrupted: nothing was loaded", signal);
        onProgress(progress);
      },
    });
  } finally {
    for (const remove of listeners) remove();
  }
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
