/**
 * Filling volumes: once, with what the image has at their place, by one container of all that want it.
 *
 *     volumes/<name>/
 *       volume.json   what it is
 *       _data/        what containers see
 *       _copy/        while it is filled: content that is not whole yet, worth nothing to anybody
 *       _whole/       content that is whole, on its way into _data, entry by entry
 *
 * Who fills holds the lock of the directory. Whoever comes next, after a crash too, finds which of these there are.
 */

import { hasCode } from "../../errors.ts";
import * as at from "../../linux/at.ts";
import { type ByteName, byteName, byteNameOf } from "../../linux/byte-name.ts";
import { type Fd, O_DIRECTORY, O_NOFOLLOW, O_RDONLY, open, owned } from "../../linux/file.ts";
import { flock } from "../../linux/flock.ts";
import { fstat } from "../../linux/stat.ts";
import { type Adapt, copyTree, takeOver } from "../../linux/tree/copy.ts";
import { moveAt, renameAt } from "../../linux/tree/entries.ts";
import { listAt, removeTree } from "../../linux/tree/tree.ts";
import { dataName } from "../../plan/volume.ts";

const copy = byteName`_copy`;
const whole = byteName`_whole`;
const data = byteNameOf(dataName);

/**
 * Fills a volume that is empty with what the image has at a place. Two that want it take turns; what is in the volume
 * stays. @param image the container's root, with nothing mounted in it: another volume or /sys is not of the image. @param source the volume's data.
 * @param adapt what becomes of owners, where those of the image are seen as another user namespace has them.
 */
export function fillVolume(image: Fd, target: string, source: string, adapt?: Adapt): void {
  using opened = owned(open(source.slice(0, source.lastIndexOf("/")), O_RDONLY | O_DIRECTORY));
  const volume = opened.fd;
  flock(volume, { wait: true });
  const subject = byteNameOf(source);
  using to = owned(openDirectory(volume, data));
  removeTree(volume, copy);
  const isWaiting = listAt(volume, subject).some(({ name }) => name === whole);
  if (!isWaiting && listAt(to.fd, subject).length > 0) return;
  if (isWaiting || copyImage(image, target, volume, adapt)) moveAll(volume, to.fd);
}

const openDirectory = (directory: Fd, name: ByteName): Fd =>
  at.openAt(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);

/** @returns false where the image has no such directory. */
function copyImage(image: Fd, target: string, volume: Fd, adapt: Adapt | undefined): boolean {
  using from = owned(openImage(image, target));
  if (from === undefined) return false;
  at.mkdirAt(volume, copy, 0o700);
  using to = owned(openDirectory(volume, copy));
  copyTree(from.fd, to.fd, byteNameOf(target), adapt);
  renameAt(volume, copy, whole);
  return true;
}

function openImage(image: Fd, target: string): Fd | undefined {
  try {
    return at.openInRootIfAny(image, byteNameOf(target), O_RDONLY | O_DIRECTORY);
  } catch (error) {
    // A file, below what another volume shows.
    if (!hasCode(error, "ENOTDIR")) throw error;
    return undefined;
  }
}

function moveAll(volume: Fd, to: Fd): void {
  using from = owned(openDirectory(volume, whole));
  const itself = fstat(from.fd);
  // Somebody who did not want it filled may have made one of that name meanwhile: theirs stays.
  for (const { name } of listAt(from.fd, whole)) moveAt(from.fd, name, to);
  takeOver(from.fd, to, itself, data);
  removeTree(volume, whole);
}
