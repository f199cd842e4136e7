/** A bound on what a container writes, where the file system of the state root has project quotas: XFS and ext4 do. */

import { hasCode, UnsupportedError } from "../errors.ts";
import { statIfAny } from "../linux/stat.ts";
import { setProject, setProjectQuota } from "../linux/tree/quota.ts";
import type { QuotaStep } from "../plan/host-step.ts";

/** What a file system says that has none, or has them switched off. */
const without = ["ENOTTY", "EOPNOTSUPP", "ENOSYS", "EINVAL", "ESRCH", "EPERM"];

/** @throws UnsupportedError where the file system has no such quotas. */
export function setQuota({ paths, project, bytes }: QuotaStep): void {
  try {
    for (const path of paths) setProject(path, project);
    setProjectQuota(paths[0]!, project, bytes);
  } catch (error) {
    if (!hasCode(error, ...without)) throw error;
    throw new UnsupportedError(
      `--storage-opt size: the file system of ${paths[0]} has no project quotas: ${(error as Error).message}`,
      "XFS mounted with the option pquota has them, and ext4 with the features project and quota, mounted with prjquota",
    );
  }
}

/** The number is free again. */
export function clearQuota(paths: string[], project: number): void {
  if (paths[0] === undefined || !statIfAny(paths[0])) return;
  try {
    setProjectQuota(paths[0], project, 0);
  } catch (error) {
    if (!hasCode(error, ...without)) throw error;
  }
}
