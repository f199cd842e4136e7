/**
 * A root for where overlayfs can't write: on another overlay, as in a container, or on NFS. The image's layers are copied once,
 * shared with the originals where the file system can do that.
 *
 *     containers/<id>/
 *       upper/     all of the image, and what the container makes of it
 *       copied     is there when the copy is whole
 */

import type { SyscallError } from "../../errors.ts";
import { openAt } from "../../linux/at.ts";
import { byteName, byteNameOf } from "../../linux/byte-name.ts";
import {
  cwd,
  type Fd,
  O_DIRECTORY,
  O_PATH,
  O_RDONLY,
  open,
  owned,
  writeFileAtomic,
  writeNewFile,
} from "../../linux/file.ts";
import { openTree } from "../../linux/mount.ts";
import { mkdir } from "../../linux/names.ts";
import { statIfAny } from "../../linux/stat.ts";
import { fileSystemType } from "../../linux/statfs.ts";
import { type Adapt, copyTree } from "../../linux/tree/copy.ts";
import { removePath } from "../../linux/tree/tree.ts";
import { copiedMark } from "../../plan/path.ts";

/** What overlayfs takes no writable layer from: overlay, NFS, FUSE, 9p, CIFS, ecryptfs, vfat. */
const unwritable = new Set([0x794c7630, 0x6969, 0x65735546, 0x01021997, 0xff534d42, 0xfe534d42, 0xf15f, 0x4d44]);

/**
 * @param refused why overlayfs did not want to. @param onCopy is told before a copy is made. @param showLayers as one, read-only.
 * @param adapt of a container whose files have other owners on the host.
 */
export function makeCopiedRoot(
  { lower, upper = "" }: { lower: readonly string[]; upper?: string },
  refused: SyscallError,
  onCopy: (text: string) => void,
  showLayers: (lower: readonly string[]) => Fd,
  adapt?: Adapt,
): Fd {
  const directory = upper.slice(0, upper.lastIndexOf("/"));
  using opened = owned(open(upper, O_PATH | O_DIRECTORY));
  // A copy of what it lies in itself would never end.
  const isInside = lower.some((path) => `${upper}/`.startsWith(`${path}/`));
  if (isInside || !(adapt || unwritable.has(fileSystemType(opened.fd, byteName`upper`)))) throw refused;
  if (!statIfAny(`${directory}/${copiedMark}`)) {
    const root = directory.slice(0, directory.lastIndexOf("/containers/"));
    sayOnce(`${root}/copies-images`, adapt ? reasons.owners : reasons.writing, onCopy);
    copyLayers(lower, upper, showLayers, adapt);
    writeNewFile(`${directory}/${copiedMark}`, "");
  }
  using root = owned(open(upper, O_PATH | O_DIRECTORY));
  return openTree(root.fd, { recursive: false });
}

const reasons = {
  writing:
    "overlayfs can't write to the state root's file system: each container gets a copy of its image, which is slower",
  owners:
    "this kernel, or the state root's file system, can't show files with other owners (idmapped mounts): each container with a user namespace gets a copy of its image, which is slower",
};

/** @param said is there when a user of this state root has been told. */
function sayOnce(said: string, reason: string, onCopy: (text: string) => void): void {
  if (statIfAny(said)) return;
  onCopy(reason);
  writeFileAtomic(said, "");
}

/** What an earlier try has left is worth nothing. */
function copyLayers(
  lower: readonly string[],
  upper: string,
  showLayers: (lower: readonly string[]) => Fd,
  adapt: Adapt | undefined,
): void {
  removePath(upper);
  mkdir(upper, 0o755);
  using layers = owned(lower.length > 1 ? showLayers(lower) : open(lower[0]!, O_PATH | O_DIRECTORY));
  using from = owned(openAt(layers.fd, byteName`.`, O_RDONLY | O_DIRECTORY));
  using to = owned(openAt(cwd, byteNameOf(upper), O_RDONLY | O_DIRECTORY));
  copyTree(from.fd, to.fd, byteName`/`, adapt);
}
