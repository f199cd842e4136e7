/**
 * What an OCI runtime keeps of its containers, below its root (/run/tinydocker-runtime), a directory for each:
 *
 *     ID/             locked (flock(2)) by whoever changes it
 *       cleanup       what is to be cleaned up if its creator is killed, or its state is damaged
 *       state.json    what it is; there as soon as it is created
 *       exec.fifo     there until somebody says start
 */

import { ConflictError, Failure, InvalidError, NotFoundError, UsageError } from "../../errors.ts";
import { readCgroupFile } from "../../linux/cgroup.ts";
import {
  close,
  type Fd,
  flock,
  fstat,
  mkdirAll,
  mkdirIfNew,
  O_DIRECTORY,
  O_RDONLY,
  openIfAny,
  owned,
  readdir,
  readSmallFileIfAny,
  rmdir,
  statIfAny,
  unlink,
  writeFileAtomic,
  writeNewFile,
} from "../../linux/file.ts";
import { openProcess, type ProcessId } from "../../linux/proc.ts";
import type { Spec } from "../../oci/spec.ts";
import { removeContainerCgroup } from "../host.ts";

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
  config: Spec;
}

export type Status = "created" | "running" | "paused" | "stopped";

/** Where the containers of one runtime are. */
export const defaultRoot = "/run/tinydocker-runtime";

const idPattern = /^[\w+.-]+$/;
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
});

/** What is on the host before there is a state. */
export type Unfinished = Pick<ContainerState, "cgroup" | "madeCgroups">;

/** Takes an id: the directory is ours, and locked. @throws ConflictError if it is taken. */
export function reserve(root: string, id: string, unfinished: Unfinished): Fd {
  const { directory, cleanup } = pathsOf(root, id);
  mkdirAll(root, 0o700);
  for (;;) {
    if (mkdirIfNew(directory, 0o700)) {
      const lock = openIfAny(directory, O_RDONLY | O_DIRECTORY);
      // Somebody who cleans up has found it empty and unlocked.
      if (lock === undefined) continue;
      if (flock(lock, { wait: false }) && fstat(lock).nlink > 0) {
        writeNewFile(cleanup, JSON.stringify(unfinished));
        return lock;
      }
      close(lock);
    } else if (!removeIfUnfinished(root, id)) throw new ConflictError(`container with given ID already exists: ${id}`);
  }
}

/** Locks a container for a change. @throws NotFoundError if it is gone by then. */
export function lock(root: string, id: string): Fd {
  const { directory, state } = pathsOf(root, checkId(id));
  using opened = owned(openIfAny(directory, O_RDONLY | O_DIRECTORY));
  if (opened && flock(opened.fd, { wait: true }) && fstat(opened.fd).nlink > 0 && statIfAny(state))
    return opened.handOff();
  throw notFound(id);
}

const notFound = (id: string) => new NotFoundError(`container does not exist: ${id}`);

/** Takes away what a killed creator left: its process has died with it. @returns false if there is a container, or one is being made. */
export function removeIfUnfinished(root: string, id: string): boolean {
  const { directory, state } = pathsOf(root, id);
  using opened = owned(openIfAny(directory, O_RDONLY | O_DIRECTORY));
  if (opened === undefined) return true;
  if (!flock(opened.fd, { wait: false }) || statIfAny(state)) return false;
  removeRest(root, id);
  return true;
}

/** What there is of a container without a state that can be read; whoever calls has the lock. */
export function removeRest(root: string, id: string): void {
  const { directory, cleanup } = pathsOf(root, id);
  const text = readSmallFileIfAny(cleanup);
  if (text) removeCgroups(JSON.parse(text) as Unfinished);
  removeDirectory(directory);
}

/** With all that is in it, and those above it that were made for it. */
export function removeCgroups({ cgroup, madeCgroups = [] }: Unfinished): void {
  if (cgroup === undefined) return;
  removeContainerCgroup(cgroup);
  for (const above of madeCgroups) rmdir(above);
}

/** The files of a container, the state first: what is without one is no container. */
export function removeDirectory(directory: string): void {
  unlink(`${directory}/state.json`);
  for (const name of readdir(directory) ?? []) unlink(`${directory}/${name}`);
  rmdir(directory);
}

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

/** All containers, in the order of their ids; what killed creators have left is taken away. One that is damaged is none here. */
export function allContainers(root: string): ContainerState[] {
  const ids = (readdir(root, "directories") ?? []).filter((id) => idPattern.test(id)).sort();
  return ids.flatMap((id) => {
    if (!statIfAny(pathsOf(root, id).state)) {
      removeIfUnfinished(root, id);
      return [];
    }
    try {
      return readState(root, id);
    } catch (error) {
      if (error instanceof NotFoundError || error instanceof InvalidError) return [];
      throw error;
    }
  });
}

/** What it does at this moment. */
export function statusOf(root: string, state: ContainerState): Status {
  using process = owned(openProcess(state.process));
  if (process === undefined) return "stopped";
  if (statIfAny(pathsOf(root, state.id).fifo)) return "created";
  return isFrozen(state) ? "paused" : "running";
}

export const isFrozen = ({ cgroup }: Pick<ContainerState, "cgroup">): boolean =>
  readCgroupFile(cgroup, "cgroup.freeze")?.trim() === "1";

/** A descriptor of its first process. @throws Failure if it has ended. */
export function openFirst({ process }: ContainerState): Fd {
  const fd = openProcess(process);
  if (fd === undefined) throw new Failure("container not running");
  return fd;
}
