/** Where something is to be mounted in an image: what its symbolic links lead to, and whether the two go together. */

import { ConflictError, hasCode } from "../../errors.ts";
import { openInRootIfAny } from "../../linux/at.ts";
import { byteNameOf } from "../../linux/byte-name.ts";
import { close, type Fd, O_PATH, owned } from "../../linux/file.ts";
import { fstat } from "../../linux/stat.ts";

/**
 * Makes what a symbolic link that leads nowhere names; all other places are init's to make.
 * @throws ConflictError for a file on a directory, or the other way round
 */
export function prepareTarget(
  image: Fd,
  { source, target }: { source: string; target: string },
  isDirectory: boolean,
): void {
  using there = owned(openIfAny(image, target));
  if (there === undefined) {
    const { ensureDirectory, ensureFile, leadsNowhere } =
      require("../../linux/tree/inroot.ts") as typeof import("../../linux/tree/inroot.ts");
    if (leadsNowhere(image, target)) close((isDirectory ? ensureDirectory : ensureFile)(image, target));
    return;
  }
  if ((fstat(there.fd).type === "directory") === isDirectory) return;
  const [what, on] = isDirectory ? ["directory", "file"] : ["file", "directory"];
  throw new ConflictError(
    `cannot mount ${source} on ${target}: one is a ${what}, the other a ${on}`,
    `choose a target that is a ${what} in the image, or is not there`,
  );
}

/** Undefined also for what lies below a file, or in a loop: who mounts there says so. */
function openIfAny(image: Fd, target: string): Fd | undefined {
  try {
    return openInRootIfAny(image, byteNameOf(target), O_PATH);
  } catch (error) {
    if (!hasCode(error, "ENOTDIR", "ELOOP")) throw error;
    return undefined;
  }
}
