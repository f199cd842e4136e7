/** What those who were killed have left behind: found and cleaned up by whoever comes next. */

import { ConflictError, hasCode } from "../../errors.ts";
import {
  type Fd,
  flock,
  fstat,
  mkdirAll,
  O_RDONLY,
  O_RDWR,
  openIfAny,
  owned,
  readAll,
  readdir,
  statIfAny,
  unlink,
} from "../../linux/file.ts";
import { signals } from "../../linux/signal.ts";
import { removePath } from "../../linux/tree.ts";
import type { Paths } from "../../paths.ts";
import type { CleanupRecord } from "../../plan/cleanup-record.ts";
import type { Connected } from "../../plan/network.ts";
import { cleanUp, removeContainer } from "../../runtime/host.ts";
import type { CleanUpDead } from "../../runtime/lock-file.ts";
import {
  type Container,
  isAlive,
  isLockFile,
  journalSuffix,
  pauseSuffix,
  readContainer,
  writeState,
} from "../record/container.ts";
import { removeAnonymousVolumes, removeMadeVolumes } from "./delete.ts";

/** What Docker shows where nobody knows the exit code. */
export const unknownCode = 255;
/** What is written down of an end that nobody saw. */
export const unseen = "its monitor was killed: its end was not seen";

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
      const content = readAll(lock.fd, path);
      if (id.endsWith(journalSuffix)) repairFromJournal(paths, path, id.slice(0, -journalSuffix.length), content);
      else if (id.endsWith(pauseSuffix)) unpause(paths, path, id.slice(0, -pauseSuffix.length));
      else cleanUpDead(paths, path, id, content);
    }
  }
  dropStrayLeases(paths);
}

/** For writing, which NFS asks of whoever locks alone; for reading where nothing can be written. */
function openLock(path: string): Fd | undefined {
  try {
    return openIfAny(path, O_RDWR);
  } catch (error) {
    if (!hasCode(error, "EROFS")) throw error;
    return openIfAny(path, O_RDONLY);
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

/** For who wants to have a container that somebody had who was killed. @throws ConflictError if it lives on without its monitor. */
export function cleaningUp(paths: Paths, id: string): CleanUpDead {
  return (content) => {
    if (cleanUpDead(paths, `${paths.running}/${id}`, id, content)) return;
    throw new ConflictError(`container ${id.slice(0, 12)} is running, without its monitor`, "stop it first");
  };
}

/** @param content of the lock file at that path, whose lock the caller has. @returns false if the container lives on. */
function cleanUpDead(paths: Paths, path: string, id: string, content: Uint8Array): boolean {
  const { parseLockFile } = require("../record/lock-file.ts") as typeof import("../record/lock-file.ts");
  const cleanup = parseLockFile(paths, id, new TextDecoder().decode(content));
  if (cleanup) {
    const container = readContainer(paths, cleanup.id);
    // It lives on without its monitor, as it was promised; somebody may stop it (stop.ts).
    if (cleanup.outlives && container && isAlive(container.state)) return false;
    if (statIfAny(`${cleanup.directory}/keeper`)) keeping().waitForKeeper(paths, cleanup.id);
    if (cleanup.network) disconnectDead(paths, cleanup.id, cleanup.network, container?.state.network);
    cleanUp(cleanup);
    removeUnfinished(paths, cleanup.id);
    if (!cleanup.keep || !container) removeAnonymousVolumes(paths, cleanup.volumes ?? []);
    markEnded(paths, cleanup, container);
    removeMadeVolumes(paths, cleanup.id);
  }
  unlink(path);
  return true;
}

/** Loaded where a container has outlived its monitor, and somebody has looked after its network since. */
const keeping = () => require("../network/keeper.ts") as typeof import("../network/keeper.ts");

/** Somebody was killed while he changed what a container has of its networks. */
function repairFromJournal(paths: Paths, path: string, id: string, content: Uint8Array): void {
  const { repairNetworks } = require("../network/journal.ts") as typeof import("../network/journal.ts");
  if (repairNetworks(paths, id, new TextDecoder().decode(content))) unlink(path);
}

/** Somebody was killed while he committed a container. */
function unpause(paths: Paths, path: string, id: string): void {
  const { unpauseLeft } = require("./pause.ts") as typeof import("./pause.ts");
  unpauseLeft(paths, id);
  unlink(path);
}

/** What a container whose monitor was killed had in its networks. */
function disconnectDead(paths: Paths, id: string, first: Connected, last: Connected | undefined): void {
  const { removeConnection } = require("../network/endpoints.ts") as typeof import("../network/endpoints.ts");
  const { repairDead } = require("../network/journal.ts") as typeof import("../network/journal.ts");
  // Those that it has joined later are not among the first. What is written down may be of an earlier life, and its addresses
  // another's by now; but ports are taken back only from itself.
  removeConnection(paths, id, first);
  removeConnection(paths, id, { endpoints: [], publications: last?.publications ?? [], ports: [] });
  repairDead(paths, id);
}

/** Volumes that it had begun to make (engine/record/volume.ts). */
function removeUnfinished(paths: Paths, id: string): void {
  for (const name of readdir(paths.staging) ?? [])
    if (name.startsWith(`${id.slice(0, 12)}-`)) removePath(`${paths.staging}/${name}`);
}

/** A kept container whose end nobody saw; one that was not even written down is no container. */
function markEnded(paths: Paths, cleanup: CleanupRecord, container: Container | undefined): void {
  if (!cleanup.keep) return;
  if (!container) removeContainer(cleanup);
  else if (container.state.status === "running" || container.state.status === "restarting")
    writeState(paths, cleanup.id, {
      ...container.state,
      status: "exited",
      // One that dies with its monitor gets SIGKILL, from the kernel or from us; of another nobody knows how it ended.
      exitCode: cleanup.outlives ? unknownCode : 128 + signals.SIGKILL,
      finished: new Date().toISOString(),
      error: unseen,
    });
}

/** As `recover`, for commands that only read: without root, or without a state root, there is nothing to repair. */
export function recoverIfAllowed(paths: Paths): void {
  if (process.geteuid?.() === 0) recover(paths);
}
