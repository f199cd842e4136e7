/** Removes what there is of a container. */

import { ConflictError, Failure, InvalidError, NotFoundError } from "../../errors.ts";
import { killCgroup } from "../../linux/cgroup.ts";
import { pidfdSendSignal } from "../../linux/clone.ts";
import { owned } from "../../linux/file.ts";
import { rename } from "../../linux/names.ts";
import { POLLIN, poll } from "../../linux/poll.ts";
import { openProcess } from "../../linux/proc.ts";
import { signals } from "../../linux/signal.ts";
import { statIfAny } from "../../linux/stat.ts";
import { runPoststopHooks } from "./hooks.ts";
import { removeCgroups, removeDirectory, removeIfUnfinished, removeRest } from "./remove.ts";
import { type ContainerState, lock, pathsOf, readState, statusOf } from "./state.ts";

/** @returns warnings. @param force whatever state it is in, and no matter whether it is there. */
export function deleteContainer(root: string, id: string, { force }: { force: boolean }): string[] {
  try {
    using _ = owned(lock(root, id));
    const state = readOrRemove(root, id, force);
    if (state === undefined) return [];
    const status = statusOf(root, state);
    if (status !== "stopped" && status !== "created" && !force)
      throw new ConflictError(`cannot delete container ${id} that is not stopped: ${status}`, "--force kills it first");
    if (status !== "stopped") endContainer(state);
    return removeContainer(root, state);
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    // One whose deletion was cut off is deleted by this one.
    const warnings = force || statIfAny(pathsOf(root, id).deleted) ? removeIfUnfinished(root, id) : undefined;
    if (!force && warnings === undefined) throw error;
    return warnings ?? [];
  }
}

/** By force, one with a damaged state goes as far as it is known. */
function readOrRemove(root: string, id: string, force: boolean): ContainerState | undefined {
  try {
    return readState(root, id);
  } catch (error) {
    if (!force || !(error instanceof InvalidError)) throw error;
    removeRest(root, id);
    return undefined;
  }
}

/**
 * What is left of one whose first process has ended; the lock is held. Its poststop hooks run "after the container is deleted
 * but before the delete operation returns", and are known until they have run, whatever becomes of us. @returns warnings.
 */
export function removeContainer(root: string, state: ContainerState): string[] {
  const { directory, state: file, deleted } = pathsOf(root, state.id);
  removeCgroups(state);
  rename(file, deleted);
  const warnings = runPoststopHooks(state);
  removeDirectory(directory);
  return warnings;
}

const patienceMs = 10_000;

/** Kills it, and waits for the end of its first process. */
export function endContainer({ process, cgroup }: ContainerState): void {
  using pidfd = owned(openProcess(process));
  if (pidfd === undefined) return;
  if (cgroup !== undefined) killCgroup(cgroup);
  pidfdSendSignal(pidfd.fd, signals.SIGKILL);
  const ended = { fd: pidfd.fd, events: POLLIN, happened: 0 };
  poll([ended], patienceMs);
  if (!ended.happened) throw new Failure(`process ${process.pid} does not end, though it was killed`);
}
