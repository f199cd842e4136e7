/** Makes volumes (plan/volume.ts says where): each whole, or not at all. */

import { hasCode } from "../../errors.ts";
import { writeNewFile } from "../../linux/file.ts";
import { mkdir, mkdirAll, rename, unlink } from "../../linux/names.ts";
import { statIfAny } from "../../linux/stat.ts";
import { removePath } from "../../linux/tree/tree.ts";
import type { VolumeStep } from "../../plan/host-step.ts";
import { dataOf, makerOf, recordOf } from "../../plan/volume.ts";

/** Makes a volume, whole or not at all, unless there is one, which from now on is there to stay. @returns whether it was made. */
export function makeVolume({ path, staging, record, anonymous, maker }: VolumeStep): boolean {
  if (statIfAny(path)) {
    if (!anonymous) unlink(makerOf(path));
    return false;
  }
  for (const name of [path, staging]) mkdirAll(name.slice(0, name.lastIndexOf("/")));
  mkdir(staging);
  try {
    mkdir(dataOf(staging), 0o755);
    writeNewFile(recordOf(staging), record);
    if (maker !== undefined) writeNewFile(makerOf(staging), maker);
    rename(staging, path);
    return true;
  } catch (error) {
    removePath(staging);
    if (!hasCode(error, "EEXIST", "ENOTEMPTY")) throw error;
    unlink(makerOf(path));
    return false;
  }
}
