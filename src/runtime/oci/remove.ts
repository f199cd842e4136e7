/** Takes away what there is of a container on the host. */

import { removeEmptyCgroup } from "../../linux/cgroup.ts";
import { readdir } from "../../linux/directory.ts";
import { O_DIRECTORY, O_RDONLY, openIfAny, owned, readSmallFileIfAny } from "../../linux/file.ts";
import { flock } from "../../linux/flock.ts";
import { rmdir, unlink } from "../../linux/names.ts";
import { statIfAny } from "../../linux/stat.ts";
import { removeContainerCgroup } from "../container-cgroup.ts";
import { type ContainerState, pathsOf } from "./state.ts";

/** What is on the host before there is a state. */
export type Unfinished = Pick<ContainerState, "cgroup" | "madeCgroups" | "scope">;

/** Those of containers whose bundle names none are in it. */
export const commonCgroup = "/tinydocker-runtime";

/**
 * Takes away what a killed creator left: its process has died with it; or a killed `delete`.
 * @returns warnings of hooks; undefined if there is a container, or somebody is at work on one.
 */
export function removeIfUnfinished(root: string, id: string): string[] | undefined {
  const { directory, state } = pathsOf(root, id);
  using opened = owned(openIfAny(directory, O_RDONLY | O_DIRECTORY));
  if (opened === undefined) return [];
  if (!flock(opened.fd, { wait: false }) || statIfAny(state)) return undefined;
  return removeRest(root, id);
}

/**
 * What there is of a container without a state that can be read; whoever calls has the lock. One whose deletion was cut off
 * still has its poststop hooks to come. @returns their warnings.
 */
export function removeRest(root: string, id: string): string[] {
  const { directory, cleanup, deleted } = pathsOf(root, id);
  const state = readSmallFileIfAny(deleted);
  const warnings = state ? hooks().runPoststopHooks(JSON.parse(state) as ContainerState) : [];
  const text = readSmallFileIfAny(cleanup);
  if (text) removeCgroups(JSON.parse(text) as Unfinished);
  removeDirectory(directory);
  return warnings;
}

/** Loaded for those whose deletion was cut off. */
const hooks = () => require("./hooks.ts") as typeof import("./hooks.ts");

/** With all that is in it, and those above it that were made for it. */
export function removeCgroups({ cgroup, madeCgroups = [], scope }: Unfinished): void {
  if (cgroup === undefined) return;
  if (scope === undefined) removeContainerCgroup(cgroup, commonCgroup);
  else scopes().endScope({ unit: scope, path: cgroup });
  for (const above of madeCgroups) removeEmptyCgroup(above);
}

/** Loaded for those who have one. */
const scopes = () => require("../systemd/scope.ts") as typeof import("../systemd/scope.ts");

/** The files of a container, the state first: what is without one is no container. */
export function removeDirectory(directory: string): void {
  unlink(`${directory}/state.json`);
  for (const name of readdir(directory) ?? []) unlink(`${directory}/${name}`);
  rmdir(directory);
}
