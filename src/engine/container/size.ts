/** How much room files take: a container's, a volume's. */

import { hasCode } from "../../errors.ts";
import { readAnyImage } from "../../image/store.ts";
import { openAt } from "../../linux/at.ts";
import { type ByteName, byteNameOf } from "../../linux/byte-name.ts";
import { cwd, type Fd, O_DIRECTORY, O_NOFOLLOW, O_PATH, O_RDONLY, owned } from "../../linux/file.ts";
import { fstat } from "../../linux/stat.ts";
import { type Place, walkTree } from "../../linux/tree/walk.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Paths } from "../../paths.ts";
import { etcNames } from "../network/etc-files.ts";
import { type ContainerRecord, directoryOf } from "../record/container.ts";

/** What it has written itself, and that with its image's layers below; the bytes of all files, as Docker counts. */
export function sizeOfContainer(
  paths: Paths,
  { id, imageId }: ContainerRecord,
): { writtenBytes: number; rootBytes: number } {
  const upper = `${directoryOf(paths, id)}/upper`;
  const writtenBytes = sizeOfTree(upper) - sizeOfEtcFiles(upper);
  const image = imageId === undefined ? undefined : readAnyImage(paths, imageId as Digest, []);
  return { writtenBytes, rootBytes: writtenBytes + (image?.sizeBytes ?? 0) };
}

/** What each start writes is not the container's. */
function sizeOfEtcFiles(upper: string): number {
  using etc = owned(openIfThere(cwd, byteNameOf(`${upper}/etc`), O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  if (etc === undefined) return 0;
  const seen = new Set<bigint>();
  return etcNames.reduce((sum, name) => sum + sizeOfFile(etc.fd, byteNameOf(name), seen), 0);
}

/** The bytes of all files below a directory, never through a symbolic link; a file with several names counts once. */
export function sizeOfTree(path: string): number {
  using root = owned(openIfThere(cwd, byteNameOf(path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  if (root === undefined) return 0;
  const seen = new Set<bigint>();
  let bytes = 0;
  const visit = ({ directory, name, isDirectory }: Place) => {
    if (!isDirectory) bytes += sizeOfFile(directory, name, seen);
    return isDirectory;
  };
  try {
    walkTree(root.fd, byteNameOf(path), visit);
  } catch (error) {
    // A program has moved what we were in, far down: what was counted is as near as it gets.
    if (!hasCode(error, "ESTALE")) throw error;
  }
  return bytes;
}

function sizeOfFile(at: Fd, name: ByteName, seen: Set<bigint>): number {
  using file = owned(openIfThere(at, name, O_PATH | O_NOFOLLOW));
  if (file === undefined) return 0;
  const { type, size, nlink, ino } = fstat(file.fd);
  if (nlink > 1) {
    if (seen.has(ino)) return 0;
    seen.add(ino);
  }
  return type === "file" || type === "symlink" ? size : 0;
}

function openIfThere(at: Fd, name: ByteName, flags: number): Fd | undefined {
  try {
    return openAt(at, name, flags);
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR", "ELOOP")) return undefined;
    throw error;
  }
}
