/**
 * What an OCI runtime keeps of its containers, below its root (/run/tinydocker-runtime), a directory for each:
 *
 *     ID/             locked (flock(2)) by whoever changes it
 *       cleanup       what is to be cleaned up if its creator is killed, or its state is damaged
 *       state.json    what it is; there as soon as it is created
 *       exec.fifo     there until somebody says start
 *       deleted.json  what state.json was: there is no container any more, but hooks may not have run (poststop)
 */

import { Failure, hasCode, InvalidError, NotFoundError, UsageError } from "../../errors.ts";
import { readCgroupFile } from "../../linux/cgroup.ts";
import {
  close,
  type Fd,
  O_DIRECTORY,
  O_NONBLOCK,
  O_RDONLY,
  O_WRONLY,
  open,
  openIfAny,
  owned,
  readSmallFileIfAny,
  writeFileAtomic,
} from "../../linux/file.ts";
import { flock } from "../../linux/flock.ts";
import { openProcess, type ProcessId } from "../../linux/proc.ts";
import { fstat, statIfAny } from "../../linux/stat.ts";
import type { Spec } from "../../oci/spec.ts";

/** A container, as its creator has written it down. */
export interface ContainerState {
  schema: 1;
  id: string;
  /** Absolute path. */
  bundle: string;
  /** When it was created: ISO 8601. */
  created: string;
  /** Name of the user who created it. */
  owner: string;
  process: ProcessId;
  /** Its cgroup v2 directory, and those above it that were made for it, the deepest first. */
  cgroup?: string;
  madeCgroups?: string[];
  /** The unit of systemd that its cgroup is. */
  scope?: string;
  config: Spec;
}

export type Status = "created" | "running" | "paused" | "stopped";

export const idPattern = /^[\w+.-]+$/;
const longestId = 1024;

/** @throws UsageError for what can be no id: it is the name of a directory. */
export function checkId(id: string): string {
  if (!idPattern.test(id) || id === "." || id === ".." || id.length > longestId)
    throw new UsageError(
      `invalid container ID format: ${JSON.stringify(id)}`,
      "letters, digits, and the signs _ + - .",
    );
  return id;
}

/** Paths of a container. */
export const pathsOf = (root: string, id: string) => ({
  directory: `${root}/${id}`,
  state: `${root}/${id}/state.json`,
  cleanup: `${root}/${id}/cleanup`,
  fifo: `${root}/${id}/exec.fifo`,
  deleted: `${root}/${id}/deleted.json`,
});

/** Locks a container for a change. @throws NotFoundError if it is gone by then. */
export function lock(root: string, id: string): Fd {
  const { directory, state } = pathsOf(root, checkId(id));
  using opened = owned(openIfAny(directory, O_RDONLY | O_DIRECTORY));
  if (opened && flock(opened.fd, { wait: true }) && fstat(opened.fd).nlink > 0 && statIfAny(state))
    return opened.handOff();
  throw notFound(id);
}

const notFound = (id: string) => new NotFoundError(`container does not exist: ${id}`);

/** Writes down that there is a container: from here on others see it. */
export const writeState = (root: string, state: ContainerState): void =>
  writeFileAtomic(pathsOf(root, state.id).state, JSON.stringify(state));

/** @throws NotFoundError, or InvalidError for a file that is damaged. */
export function readState(root: string, id: string): ContainerState {
  const path = pathsOf(root, checkId(id)).state;
  const text = readSmallFileIfAny(path);
  if (text === undefined) throw notFound(id);
  try {
    const state = JSON.parse(text) as ContainerState;
    if (state.schema === 1) return state;
  } catch {
    // Said below.
  }
  throw new InvalidError(`${path} is damaged`, `delete --force ${id} removes what is left`);
}

/** What it does at this moment. */
export function statusOf(root: string, state: ContainerState): Status {
  using process = owned(openProcess(state.process));
  if (process === undefined) return "stopped";
  if (hasReader(pathsOf(root, state.id).fifo)) return "created";
  return isFrozen(state) ? "paused" : "running";
}

/** True while its first process waits for `start`. A FIFO that nobody has open any more is one of a `start` that was killed. */
function hasReader(fifo: string): boolean {
  try {
    close(open(fifo, O_WRONLY | O_NONBLOCK));
    return true;
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENXIO")) return false;
    throw error;
  }
}

export const isFrozen = ({ cgroup }: Pick<ContainerState, "cgroup">): boolean =>
  readCgroupFile(cgroup, "cgroup.freeze")?.trim() === "1";

/** A descriptor of its first process. @throws Failure if it has ended. */
export function openFirst({ process }: ContainerState): Fd {
  const fd = openProcess(process);
  if (fd === undefined) throw new Failure("container not running");
  return fd;
}
