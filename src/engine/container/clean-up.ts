/** Taking away what one who was killed has left behind, as a file in `running` tells that he had locked. */

import { ConflictError } from "../../errors.ts";
import { readdir } from "../../linux/directory.ts";
import { unlink } from "../../linux/names.ts";
import { signals } from "../../linux/signal.ts";
import { statIfAny } from "../../linux/stat.ts";
import { removePath } from "../../linux/tree/tree.ts";
import type { Paths } from "../../paths.ts";
import type { CleanupRecord } from "../../plan/cleanup-record.ts";
import type { Connected } from "../../plan/network/network.ts";
import type { Unreadable } from "../../record-file.ts";
import { cleanUp, removeContainer } from "../../runtime/clean-up.ts";
import { type Container, isAlive, readContainer, writeState } from "../record/container.ts";
import { parseLockFile } from "../record/lock-file.ts";
import { journalSuffix, pauseSuffix } from "../record/monitor-lock.ts";
import { removeAnonymous, removeMade } from "../volume/remove.ts";
import { unknownCode, unseen } from "./unseen-end.ts";

/** What is left of whoever had this file of `running`, which the caller has locked. @param content of the file. */
export function cleanUpLeft(paths: Paths, name: string, content: string | Unreadable): void {
  const path = `${paths.running}/${name}`;
  if (name.endsWith(journalSuffix)) repairFromJournal(paths, path, name.slice(0, -journalSuffix.length), content);
  else if (name.endsWith(pauseSuffix)) unpause(paths, path, name.slice(0, -pauseSuffix.length));
  else cleanUpDead(paths, path, name, content);
}

/** For who wants to have a container that somebody had who was killed. @throws ConflictError if it lives on without its monitor. */
export function cleanUpFor(paths: Paths, id: string, content: string | Unreadable): void {
  if (cleanUpDead(paths, `${paths.running}/${id}`, id, content)) return;
  throw new ConflictError(`container ${id.slice(0, 12)} is running, without its monitor`, "stop it first");
}

/** @param content of the lock file at that path, whose lock the caller has. @returns false if the container lives on. */
function cleanUpDead(paths: Paths, path: string, id: string, content: string | Unreadable): boolean {
  const cleanup = parseLockFile(paths, id, content);
  if (cleanup) {
    const container = readContainer(paths, cleanup.id);
    // It lives on without its monitor, as it was promised; somebody may stop it (stop.ts).
    if (cleanup.outlives && container && isAlive(container.state)) return false;
    if (statIfAny(`${cleanup.directory}/keeper`)) keeping().waitForKeeper(paths, cleanup.id);
    if (cleanup.network) disconnectDead(paths, cleanup.id, cleanup.network, container?.state.network);
    if (cleanup.runtime) external().deleteLeft(cleanup);
    cleanUp(cleanup);
    removeUnfinished(paths, cleanup.id);
    if (cleanup.volumes && !(cleanup.keep && container)) removeAnonymous(paths, cleanup.volumes);
    markEnded(paths, cleanup, container);
    removeMade(paths, cleanup.id, readdir(paths.volumes) ?? []);
  }
  unlink(path);
  return true;
}

/** Loaded where a container has outlived its monitor, and somebody has looked after its network since. */
const keeping = () => require("../network/keeper.ts") as typeof import("../network/keeper.ts");

/** Loaded where another runtime has made it. */
const external = () => require("../external/container.ts") as typeof import("../external/container.ts");

/** Somebody was killed while he changed what a container has of its networks. */
function repairFromJournal(paths: Paths, path: string, id: string, content: string | Unreadable): void {
  const { repairNetworks } = require("../network/journal.ts") as typeof import("../network/journal.ts");
  if (repairNetworks(paths, id, typeof content === "string" ? content : "")) unlink(path);
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
