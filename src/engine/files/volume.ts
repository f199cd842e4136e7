/** What is in a volume as a tar, and a tar into a volume. */

import { ConflictError, NotFoundError } from "../../errors.ts";
import { packTree } from "../../image/pack.ts";
import { type Fd, O_DIRECTORY, O_RDONLY, open, owned } from "../../linux/file.ts";
import { stat } from "../../linux/stat.ts";
import type { Paths } from "../../paths.ts";
import { withOutput } from "../image/output.ts";
import { backingOf, mountPointOf, readVolume, volumePath } from "../record/volume.ts";
import { extract, type Feed, keep, readTar } from "./cp.ts";

/** @param file stdout if undefined. @returns how many bytes the tar has. */
export async function exportVolume(
  paths: Paths,
  name: string,
  file: string | undefined,
  onProgress: (bytes: number) => void,
): Promise<number> {
  using content = owned(openVolume(paths, name));
  let bytes = 0;
  return await withOutput(file, (write) => {
    packTree(content.fd, { layer: false }, (chunk) => {
      write(chunk);
      bytes += chunk.length;
      onProgress(bytes);
    });
  });
}

/** What is in the volume stays, but for files that the tar has, too. @param file "-" is stdin. */
export async function importVolume(
  paths: Paths,
  name: string,
  file: string,
  onProgress: (bytes: number) => void,
): Promise<number> {
  using content = owned(openVolume(paths, name, { forWriting: true }));
  const source = file === "-" ? "/dev/stdin" : file;
  const feed: Feed = (write) => readTar(paths, source, write);
  return await extract(content.fd, keep, { onProgress }, feed, file === "-" ? "stdin" : file);
}

function openVolume(paths: Paths, name: string, { forWriting = false } = {}): Fd {
  const volume = readVolume(paths, name);
  if (!volume) throw new NotFoundError(`no such volume: ${name}`, "tinydocker volume ls lists what there is");
  const backing = backingOf(volume);
  if (forWriting && backing?.type === "bind" && backing.readOnly)
    throw new ConflictError(`volume ${name} is read-only`, `tinydocker volume inspect ${name} shows its options`);
  const path = backing?.type === "bind" ? backing.path : mountPointOf(paths, volume);
  // Mounted by the first container that uses it, unmounted by the last.
  if (backing && backing.type !== "bind" && stat(path).device === stat(volumePath(paths, name)).device)
    throw new ConflictError(`volume ${name} is only there while a container uses it`, "start one that has it first");
  return open(path, O_RDONLY | O_DIRECTORY);
}
