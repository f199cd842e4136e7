/** Removing containers that are down, or with force those that are not. */

import { ConflictError } from "../../errors.ts";
import { signals } from "../../linux/signal.ts";
import { statIfAny } from "../../linux/stat.ts";
import type { Paths } from "../../paths.ts";
import { freeName } from "../../runtime/name.ts";
import { finish, type Task } from "../../runtime/task.ts";
import { type Container, emitContainerEvent, isUp, readContainer, waitingUntilRemoved } from "../record/container.ts";
import { lockingContainer } from "../record/container-lock.ts";
import { hasMonitor } from "../record/monitor-lock.ts";
import { deleteContainer } from "./delete.ts";
import { recover } from "./recover.ts";
import { stopping } from "./stop.ts";
import { mayRun } from "./stop-damaged.ts";

export interface RemoveOptions {
  /** Also one that runs: it is killed. */
  force: boolean;
  /** Its anonymous volumes too. */
  volumes?: boolean;
  /** With force: the stop signal first, and so long until SIGKILL; -1 is for ever. */
  timeoutS?: number;
}

/** Removes a container with its writable layer, its log and its name. */
export const removeContainer = (paths: Paths, container: Container, options: RemoveOptions): void =>
  finish(removing(paths, container, options));

/** The same, for who removes several. */
export function* removing(paths: Paths, container: Container, options: RemoveOptions): Task<void> {
  const { id, name } = container.record;
  {
    using lock = yield* lockingContainer(paths, id);
    const settled = yield* whenSettled(paths, lock.now);
    if (settled) yield* removeNow(paths, settled, options);
  }
  // Whoever else removes it, as with --rm, may be about to free its name.
  yield* waitingUntilRemoved(paths, id, name);
}

/**
 * Frees a name that leads to no container, after a power cut or out of a restored backup; nothing else would ever show it.
 * @returns false where there is no such name, or somebody has it.
 */
export function freeStrayName(paths: Paths, name: string): boolean {
  const path = `${paths.names}/${name}`;
  if (!/^[\w.-]*\w[\w.-]*$/.test(name) || !statIfAny(path, { follow: false })) return false;
  const { ownerOf } = require("../../runtime/name-owner.ts") as typeof import("../../runtime/name-owner.ts");
  return ownerOf(name, path, paths) === undefined;
}

const pollMs = 20;

/**
 * The container once it is up or down: somebody may be about to start it, whose command was killed meanwhile, or to write down
 * its end. Undefined if it is gone by then.
 */
function* whenSettled(paths: Paths, container: Container | undefined): Task<Container | undefined> {
  if (!container) return undefined;
  const { id } = container.record;
  for (;;) {
    // Looked at before its state is read: a monitor writes that down, and may be killed right after.
    const monitored = hasMonitor(paths, id);
    const now = readContainer(paths, id);
    if (!monitored || !now || !(now.status === "created" || now.status === "exited")) return now;
    yield { forMs: pollMs };
  }
}

function* removeNow(
  paths: Paths,
  container: Container,
  { force, volumes = false, timeoutS }: RemoveOptions,
): Task<void> {
  const { record, status } = container;
  if (isUp(container) || status === "restarting" || mayRun(paths, container)) {
    if (!force) {
      const hint = `tinydocker stop ${record.name}, or rm --force`;
      throw new ConflictError(
        `container ${record.name} is ${status === "restarting" ? "restarting" : "running"}`,
        hint,
      );
    }
    const how = timeoutS === undefined ? { signal: signals.SIGKILL, timeoutS: 0 } : { timeoutS };
    yield* stopping(paths, container, { ...how, removes: true, warn: () => {} });
    // One that was started with --rm is gone by now; one that had lost its directory has a name still.
    if (!readContainer(paths, record.id)) return freeName(`${paths.names}/${record.name}`, record.id);
  }
  // Its first process may have ended a moment ago, after its monitor was killed: what that had is not ours to remove.
  if (statIfAny(`${paths.running}/${record.id}`)) recover(paths);
  emitContainerEvent(paths, record, "destroy");
  deleteContainer(paths, record, { volumes, damaged: container.damage !== undefined });
}
