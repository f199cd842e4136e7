/** What those who were killed have left behind: found and cleaned up by whoever comes next. */

import { hasCode } from "../../errors.ts";
import { readdir } from "../../linux/directory.ts";
import { type Fd, O_NONBLOCK, O_RDONLY, O_RDWR, openIfAny, owned } from "../../linux/file.ts";
import { flock } from "../../linux/flock.ts";
import { mkdirAll } from "../../linux/names.ts";
import { fstat, statIfAny } from "../../linux/stat.ts";
import type { Paths } from "../../paths.ts";
import { readOpenRecord } from "../../record-file.ts";
import { isAlive, readContainer } from "../record/container.ts";
import { isLockFile } from "../record/monitor-lock.ts";

/** Makes the directories that every command writes to. Mode 0700: images and containers are root's business (R23). */
export function prepareRoot(paths: Paths): void {
  if (statIfAny(paths.rootfs)) return;
  for (const path of [paths.volumes, paths.containers, paths.names, paths.running, paths.rootfs]) mkdirAll(path);
}

/**
 * Cleans up after monitors that were killed: nothing is left of their containers but what was to be kept.
 * Only the files of running containers are read, so that a thousand stopped ones cost nothing.
 */
export function recover(paths: Paths): void {
  try {
    recoverAll(paths);
  } catch (error) {
    // What became read-only can't be repaired; seeing and stopping what there is goes on.
    if (!hasCode(error, "EROFS")) throw error;
  }
}

function recoverAll(paths: Paths): void {
  for (const id of readdir(paths.running) ?? []) {
    const path = `${paths.running}/${id}`;
    using lock = owned(openLock(path));
    if (lock === undefined) continue;
    // Read under the lock: before, its owner may have been about to write it. One that was unlinked since we opened it was
    // put away in good order, and by now another of this name may be of one that lives.
    if (flock(lock.fd, { wait: false }) && fstat(lock.fd).nlink > 0) {
      const { cleanUpLeft } = require("./clean-up.ts") as typeof import("./clean-up.ts");
      cleanUpLeft(paths, id, readOpenRecord(lock.fd, path));
    }
  }
  dropStrayLeases(paths);
}

/** For writing, which NFS asks of whoever locks alone; for reading where nothing can be written. */
function openLock(path: string): Fd | undefined {
  try {
    return openIfAny(path, O_RDWR | O_NONBLOCK);
  } catch (error) {
    if (!hasCode(error, "EROFS", "EISDIR", "ENXIO", "EIO")) throw error;
    return openIfAny(path, O_RDONLY | O_NONBLOCK);
  }
}

/** Addresses of those who were killed before they had a lock file. More leases than lock files show that there are some. */
function dropStrayLeases(paths: Paths): void {
  const networks = readdir(paths.networks) ?? [];
  if (networks.length === 0) return;
  const lockFiles = (readdir(paths.running) ?? []).filter(isLockFile).length;
  for (const network of networks) {
    const { leasesOf } = require("../record/network.ts") as typeof import("../record/network.ts");
    const directory = leasesOf(paths, network);
    const addresses = readdir(directory) ?? [];
    // A container has one of each family.
    const leases = addresses.filter((address) => !address.includes(":")).length || addresses.length;
    if (leases <= lockFiles) continue;
    // Loaded when there is something to do.
    const { dropStrays } = require("../../network/leases.ts") as typeof import("../../network/leases.ts");
    dropStrays(directory, (owner) => {
      const container = readContainer(paths, owner);
      return container !== undefined && isAlive(container.state);
    });
  }
}

/** As `recover`, for commands that only read: without root, or without a state root, there is nothing to repair. */
export function recoverIfAllowed(paths: Paths): void {
  if (process.geteuid?.() === 0) recover(paths);
}
