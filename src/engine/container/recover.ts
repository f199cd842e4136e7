/** What those who were killed have left behind: found and taken away by whoever comes next. */

import {
  close,
  flock,
  fstat,
  mkdirAll,
  O_RDWR,
  openIfAny,
  readAll,
  readdir,
  statIfAny,
  unlink,
} from "../../linux/file.ts";
import { removePath } from "../../linux/tree.ts";
import type { Paths } from "../../paths.ts";
import type { Leftovers } from "../../plan/leftovers.ts";
import type { Connected } from "../../plan/network.ts";
import { cleanUp, forget } from "../../runtime/host.ts";
import { type Container, isAlive, noteEnding, readContainer, writeState } from "../record/container.ts";
import { parseClaim } from "../record/lock-file.ts";
import { leasesOf } from "../record/network.ts";
import { forgetVolumes } from "./delete.ts";

/** Makes the directories that every command writes to. Mode 0700: images and containers are root's business (R23). */
export function prepareRoot(paths: Paths): void {
  if (statIfAny(paths.rootfs)) return;
  for (const path of [paths.volumes, paths.containers, paths.names, paths.running, paths.rootfs]) mkdirAll(path);
}

/**
 * Cleans up after caretakers that were killed: nothing is left of their containers but what was to be kept.
 * Only the files of running containers are read, so that a thousand stopped ones cost nothing.
 */
export function recover(paths: Paths): void {
  for (const id of readdir(paths.running) ?? []) {
    const path = `${paths.running}/${id}`;
    const lock = openIfAny(path, O_RDWR);
    if (lock === undefined) continue;
    // Read under the lock: before, its owner may have been about to write it. One that was unlinked since we opened it was
    // put away in good order, and by now another of this name may be of one that lives.
    if (flock(lock, { wait: false }) && fstat(lock).nlink > 0) {
      const content = readAll(lock, path);
      if (id.endsWith(noteEnding)) mend(paths, path, id.slice(0, -noteEnding.length), content);
      else takeAway(paths, path, id, content);
    }
    close(lock);
  }
  dropStrayLeases(paths);
}

/** Addresses of those who were killed before they had claimed anything. More leases than claims tell that there are some. */
function dropStrayLeases(paths: Paths): void {
  const claims = (readdir(paths.running) ?? []).filter((name) => !name.endsWith(noteEnding)).length;
  for (const network of readdir(paths.networks) ?? []) {
    const directory = leasesOf(paths, network);
    const leases = readdir(directory)?.filter((address) => !address.includes(":")).length ?? 0;
    if (leases <= claims) continue;
    // Loaded when there is something to do.
    const { dropStrays } = require("../../network/leases.ts") as typeof import("../../network/leases.ts");
    dropStrays(directory, (owner) => {
      const container = readContainer(paths, owner);
      return container !== undefined && isAlive(container.state);
    });
  }
}

function takeAway(paths: Paths, path: string, id: string, content: Uint8Array): void {
  const leftovers = parseClaim(paths, id, new TextDecoder().decode(content));
  if (leftovers) {
    const container = readContainer(paths, leftovers.id);
    // It lives on without its monitor, as it was promised; somebody may stop it (stop.ts).
    if (leftovers.outlives && container && isAlive(container.state)) return;
    if (leftovers.network) takeOff(paths, leftovers.id, leftovers.network, container?.state.network);
    cleanUp(leftovers);
    removeUnfinished(paths, leftovers.id);
    if (!leftovers.keep || !container) forgetVolumes(paths, leftovers.volumes ?? []);
    markEnded(paths, leftovers, container);
  }
  unlink(path);
}

/** Somebody was killed while he changed what a container has of its networks. */
function mend(paths: Paths, path: string, id: string, content: Uint8Array): void {
  const { mendNetworks } = require("../network/journal.ts") as typeof import("../network/journal.ts");
  if (mendNetworks(paths, id, new TextDecoder().decode(content))) unlink(path);
}

/** What a killed caretaker had in the network. */
function takeOff(paths: Paths, id: string, first: Connected, last: Connected | undefined): void {
  const { forgetConnection } = require("../network/endpoints.ts") as typeof import("../network/endpoints.ts");
  const { forgetNetworks } = require("../network/journal.ts") as typeof import("../network/journal.ts");
  // Those that it has joined later are not among the first. What is written down may be of an earlier life, and its addresses
  // another's by now; but ports are taken back only from itself.
  forgetConnection(paths, id, first);
  forgetConnection(paths, id, { endpoints: [], publications: last?.publications ?? [], ports: [] });
  forgetNetworks(paths, id);
}

/** Volumes that it had begun to make (engine/record/volume.ts). */
function removeUnfinished(paths: Paths, id: string): void {
  for (const name of readdir(paths.staging) ?? [])
    if (name.startsWith(`${id.slice(0, 12)}-`)) removePath(`${paths.staging}/${name}`);
}

/** A kept container whose end nobody saw; one that was not even written down is no container. */
function markEnded(paths: Paths, leftovers: Leftovers, container: Container | undefined): void {
  if (!leftovers.keep) return;
  if (!container) forget(leftovers);
  else if (container.state.status === "running" || container.state.status === "restarting")
    // SIGKILL is what its processes got, from the kernel or from us.
    writeState(paths, leftovers.id, {
      ...container.state,
      status: "exited",
      exitCode: 137,
      finished: new Date().toISOString(),
      error: "whoever looked after it was killed: its end was not seen",
    });
}

/** As `recover`, for commands that only look: without root, or without a state root, there is nothing to mend. */
export function recoverIfAllowed(paths: Paths): void {
  if (process.geteuid?.() === 0) recover(paths);
}
