/** Containers as the engine remembers them: one directory and one state.json each, and who looks after the running ones. */

import { ConflictError, NotFoundError } from "../errors.ts";
import { findCgroup2, removeEmptyCgroup } from "../linux/cgroup.ts";
import {
  close,
  flock,
  mkdirAll,
  O_DIRECTORY,
  O_RDONLY,
  O_RDWR,
  openIfAny,
  readAll,
  readdir,
  readFileIfAny,
  statIfAny,
  unlink,
  writeFileAtomic,
} from "../linux/file.ts";
import { removePath } from "../linux/tree.ts";
import type { Paths } from "../paths.ts";
import { cgroupPath } from "../plan/clone.ts";
import type { Leftovers } from "../plan/step.ts";
import { cleanUp } from "../runtime/host.ts";

/** What is known of a container. */
export interface ContainerState {
  /** 64 hexadecimal digits. */
  id: string;
  name: string;
  /** As the user named it. */
  image: string;
  imageId?: string;
  command: string[];
  /** ISO 8601. */
  created: string;
  status: "running" | "exited" | "unknown" | "damaged";
  /** The first process, by its number on the host. */
  pid?: number;
  finished?: string;
  exitCode?: number;
  oomKilled?: boolean;
}

/** Makes the directories that every command writes to. Mode 0700: images and containers are root's business (R23). */
export function prepareRoot(paths: Paths): void {
  if (statIfAny(paths.rootfs)) return;
  for (const path of [paths.containers, paths.names, paths.running, paths.rootfs]) mkdirAll(path);
}

export const writeState = (paths: Paths, state: ContainerState): void =>
  writeFileAtomic(`${paths.containers}/${state.id}/state.json`, JSON.stringify(state));

/** A container's state; undefined where it has none (yet). A file that tells nothing makes one that says so. */
function readState(paths: Paths, id: string): ContainerState | undefined {
  const text = readFileIfAny(`${paths.containers}/${id}/state.json`);
  if (text === undefined) return undefined;
  return (
    parseState(text) ?? {
      id,
      name: id.slice(0, 12),
      image: "?",
      command: [],
      created: "1970-01-01T00:00:00Z",
      status: "damaged",
    }
  );
}

function parseState(text: string): ContainerState | undefined {
  try {
    const state = JSON.parse(text) as Partial<ContainerState> | null;
    const { id, name, image, created, command } = state ?? {};
    const whole = [id, name, image, created].every((value) => typeof value === "string") && Array.isArray(command);
    return whole ? (state as ContainerState) : undefined;
  } catch {
    return undefined;
  }
}

/** All containers, the newest first. */
export function listContainers(paths: Paths): ContainerState[] {
  return (
    (readdir(paths.containers) ?? [])
      .flatMap((id) => readState(paths, id) ?? [])
      // Whose caretaker is gone has ended, even if that could not be written down.
      .map((state) =>
        state.status === "running" && !statIfAny(`${paths.running}/${state.id}`)
          ? { ...state, status: "unknown" as const }
          : state,
      )
      .sort((a, b) => b.created.localeCompare(a.created))
  );
}

/** The id of the one container with this name or id prefix. */
export function resolveContainer(paths: Paths, reference: string): string {
  const named = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(reference)
    ? readFileIfAny(`${paths.names}/${reference}`)
    : undefined;
  if (named) return named;
  const matches = /^[0-9a-f]+$/.test(reference)
    ? (readdir(paths.containers) ?? []).filter((id) => id.startsWith(reference))
    : [];
  if (matches.length > 1) throw new ConflictError(`${reference} is the beginning of ${matches.length} container ids`);
  if (matches[0] === undefined) throw new NotFoundError(`no such container: ${reference}`);
  return matches[0];
}

/** Removes a container that has ended. */
export function removeContainer(paths: Paths, reference: string): void {
  const id = resolveContainer(paths, reference);
  if (statIfAny(`${paths.running}/${id}`)) {
    throw new ConflictError(`container ${reference} is running`, "stop it first");
  }
  removePath(`${paths.containers}/${id}`);
  // The name last: whoever sees it free finds nothing else of the container. Asked of the names, as its state may be damaged.
  for (const name of readdir(paths.names) ?? []) {
    if (readFileIfAny(`${paths.names}/${name}`) === id) unlink(`${paths.names}/${name}`);
  }
}

/**
 * Cleans up after caretakers that were killed: their containers die, and leave nothing but what was to be kept.
 * Only the files of running containers are read, so that a thousand stopped ones cost nothing.
 */
export function recover(paths: Paths): void {
  removeStrayCgroups();
  for (const id of readdir(paths.running) ?? []) {
    const path = `${paths.running}/${id}`;
    const lock = openIfAny(path, O_RDWR);
    if (lock === undefined) continue;
    if (flock(lock, { wait: false })) {
      // Read under the lock: before, its owner may have been about to write it.
      const text = new TextDecoder().decode(readAll(lock, path));
      const leftovers = JSON.parse(text || "null") as Leftovers | null;
      if (leftovers) {
        cleanUp(leftovers);
        markEnded(paths, leftovers);
      }
      unlink(path);
    }
    close(lock);
  }
}

/** Empty cgroups that nobody holds: of a command killed before it had said whose they are. */
function removeStrayCgroups(): void {
  const mountPoint = findCgroup2()?.mountPoint;
  if (mountPoint === undefined) return;
  for (const id of readdir(mountPoint + cgroupPath(""), "directories") ?? []) {
    const cgroup = mountPoint + cgroupPath(id);
    const directory = openIfAny(cgroup, O_RDONLY | O_DIRECTORY);
    if (directory === undefined) continue;
    if (flock(directory, { wait: false })) removeEmptyCgroup(cgroup);
    close(directory);
  }
}

/** As `recover`, for commands that only look: without root, or without a state root, there is nothing to mend. */
export function recoverIfAllowed(paths: Paths): void {
  if (process.geteuid?.() === 0) recover(paths);
}

/** A kept container whose end nobody saw; one that had not even started is no container. */
function markEnded(paths: Paths, { id, keep, namePath, directory }: Leftovers): void {
  if (!keep) return;
  const state = readState(paths, id);
  if (!state) {
    removePath(directory);
    if (namePath) unlink(namePath);
  } else if (state.status === "running") {
    writeState(paths, { ...state, status: "unknown", finished: new Date().toISOString() });
  }
}
