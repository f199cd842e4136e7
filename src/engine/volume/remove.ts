/** Removing volumes: by name, all that no container uses, and the anonymous ones of a container that is removed. */

import { ConflictError, type Failure, NotFoundError } from "../../errors.ts";
import { emptyTrash, moveToTrash, withStoreLock } from "../../image/staging.ts";
import { readFileIfAny } from "../../linux/file.ts";
import { mkdirAll } from "../../linux/names.ts";
import { statIfAny } from "../../linux/stat.ts";
import type { Paths } from "../../paths.ts";
import { makerOf } from "../../plan/volume.ts";
import { unmountVolume } from "../../runtime/mount/volume-mount.ts";
import { recordEvent } from "../record/events.ts";
import { removeOne } from "../record/one-of-many.ts";
import { listVolumes, readAnyVolume, usersOfVolumes, type Volume, volumePath } from "../record/volume.ts";

/** Removes a volume that no container uses. @param force one that is not there is fine. */
export function removeVolume(paths: Paths, name: string, { force }: { force: boolean }): void {
  withStoreLock(paths, "exclusive", () => {
    if (!readAnyVolume(paths, name)) {
      if (force) return;
      throw new NotFoundError(`no such volume: ${name}`, "tinydocker volume ls lists what there is");
    }
    const users = usersOfVolumes(paths)(name).map(({ record }) => record.name);
    if (users.length > 0)
      throw new ConflictError(
        `volume ${name} is in use by ${users.join(", ")}`,
        `remove what uses it first: tinydocker rm ${users.join(" ")}`,
      );
    discard(paths, name);
  });
  emptyTrash(paths);
}

/**
 * Removes the unused volumes that `choose` names.
 * @param sizeOf counts the bytes of one. @returns names of those that are gone, their bytes, and what could not go.
 */
export function pruneVolumes(
  paths: Paths,
  choose: (volume: Volume) => boolean,
  sizeOf: (volume: Volume) => number,
): { names: string[]; bytes: number; failures: Failure[] } {
  const gone = { names: [] as string[], bytes: 0, failures: [] as Failure[] };
  if (!statIfAny(paths.volumes)) return gone;
  withStoreLock(paths, "exclusive", () => {
    const users = usersOfVolumes(paths);
    for (const volume of listVolumes(paths)) {
      if (users(volume.name).length > 0 || !choose(volume)) continue;
      removeOne(gone.failures, () => {
        const bytes = sizeOf(volume);
        discard(paths, volume.name);
        gone.names.push(volume.name);
        gone.bytes += bytes;
      });
    }
  });
  emptyTrash(paths);
  return gone;
}

/**
 * Removes the anonymous volumes of a container that is gone, but for those that another has by --volumes-from. Without the
 * store's lock, which who calls us may hold: nobody else knows these names.
 */
export function removeAnonymous(paths: Paths, names: string[]): void {
  const users = usersOfVolumes(paths);
  for (const name of names) if (readAnyVolume(paths, name) && users(name).length === 0) discard(paths, name);
  emptyTrash(paths);
}

/**
 * Removes the volumes that a container has made whose program never ran, but for those that another uses. Waits for those who
 * are about to be known as users: the caller holds no store lock. @param names of volumes that it may have made.
 */
export function removeMade(paths: Paths, id: string, names: string[], releaseStore = () => {}): void {
  const isMade = (name: string) => readFileIfAny(makerOf(volumePath(paths, name))) === id;
  const made = names.filter(isMade);
  if (made.length === 0) return;
  releaseStore();
  withStoreLock(paths, "exclusive", () => {
    const users = usersOfVolumes(paths);
    for (const name of made) if (isMade(name) && users(name).length === 0) discard(paths, name);
  });
  emptyTrash(paths);
}

/** From here on it is gone for everybody; the disk follows. */
function discard(paths: Paths, name: string): void {
  mkdirAll(paths.trash);
  // Of one whose containers were all killed.
  unmountVolume(volumePath(paths, name));
  moveToTrash(paths, volumePath(paths, name));
  recordEvent(paths, { type: "volume", action: "destroy", id: name, attributes: { driver: "local" } });
}
