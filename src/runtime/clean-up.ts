/** Removes a container from the host: what is kept of it, and what a killed monitor left. */

import { unlink } from "../linux/names.ts";
import { statIfAny } from "../linux/stat.ts";
import { removePath } from "../linux/tree/tree.ts";
import type { CleanupRecord } from "../plan/cleanup-record.ts";
import { removeContainerCgroup } from "./container-cgroup.ts";
import { freeName } from "./name.ts";

/** Loaded for those who have some. */
const userns = () => require("./userns/prepare.ts") as typeof import("./userns/prepare.ts");
const mounts = () => require("./mount/host-mount.ts") as typeof import("./mount/host-mount.ts");

/** Takes back what a killed monitor left: processes, cgroup, and a directory that was not to be kept. */
export function cleanUp(cleanup: CleanupRecord): void {
  if (cleanup.cgroup) removeContainerCgroup(cleanup.cgroup);
  if (!cleanup.keep) removeContainer(cleanup);
}

/**
 * Removes what is kept of a container. Its record first, as it was written last: half a container is none. The name last: whoever
 * sees it free finds nothing else of it.
 */
export function removeContainer({ directory, namePath, ids }: Kept): void {
  const id = directory.slice(directory.lastIndexOf("/") + 1);
  unlink(`${directory}/container.json`);
  // What the host sees of it would be removed through its mount.
  if (statIfAny(`${directory}/merged`)) mounts().unmountFromHost(`${directory}/merged`);
  removePath(directory);
  // Whoever gets them next is not to find files of theirs.
  if (ids) userns().releaseIds(id, ids);
  if (namePath) freeName(namePath, id);
}

type Kept = Pick<CleanupRecord, "directory" | "namePath" | "ids">;
