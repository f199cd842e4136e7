/** Removing containers that are down, or with force those that are not. */

import { ConflictError } from "../../errors.ts";
import { statIfAny } from "../../linux/file.ts";
import { signals } from "../../linux/signal.ts";
import type { Paths } from "../../paths.ts";
import { type Container, emitContainerEvent, isUp, readContainer, waitUntilRemoved } from "../record/container.ts";
import { withContainerLock } from "../record/container-lock.ts";
import { deleteContainer } from "./delete.ts";
import { recover } from "./recover.ts";
import { stopContainer } from "./stop.ts";
import { mayRun } from "./stop-damaged.ts";

export interface RemoveOptions {
  /** Also one that runs: it is killed. */
  force: boolean;
  /** Its anonymous volumes too. */
  volumes?: boolean;
}

/** Removes a container with its writable layer, its log and its name. */
export function removeContainer(paths: Paths, container: Container, options: RemoveOptions): void {
  const { id, name } = container.record;
  withContainerLock(paths, id, (now) => {
    if (now) removeNow(paths, now, options);
  });
  // Whoever else removes it, as with --rm, may be about to free its name.
  waitUntilRemoved(paths, id, name);
}

function removeNow(paths: Paths, container: Container, { force, volumes = false }: RemoveOptions): void {
  const { record, status } = container;
  if (isUp(container) || status === "restarting" || mayRun(paths, container)) {
    if (!force) {
      const hint = `tinydocker stop ${record.name}, or rm --force`;
      throw new ConflictError(
        `container ${record.name} is ${status === "restarting" ? "restarting" : "running"}`,
        hint,
      );
    }
    stopContainer(paths, container, { signal: signals.SIGKILL, timeoutS: 0, warn: () => {} });
    // One that was started with --rm is gone by now.
    if (!readContainer(paths, record.id)) return;
  }
  // Its first process may have ended a moment ago, after its monitor was killed: what that had is not ours to remove.
  if (statIfAny(`${paths.running}/${record.id}`)) recover(paths);
  emitContainerEvent(paths, record, "destroy");
  deleteContainer(paths, record, { volumes });
}
