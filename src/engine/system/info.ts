/** What `info` tells: the kernel, the cgroup mode, the storage, and how much is in it. */

import { hasCode } from "../../errors.ts";
import { listImages } from "../../image/store.ts";
import { findCgroup2 } from "../../linux/cgroup.ts";
import { readdir } from "../../linux/directory.ts";
import { readFile } from "../../linux/file.ts";
import { mountOf } from "../../linux/proc/mountinfo.ts";
import { kernelVersion } from "../../linux/sysctl.ts";
import type { Paths } from "../../paths.ts";
import { version } from "../../version.ts";
import { isUp, listContainers } from "../record/container.ts";

export type Info = Record<string, string | number | string[]>;

/** Facts by the names they are printed under. */
export function readInfo(paths: Paths): Info {
  const cgroup2 = findCgroup2();
  const mode = !cgroup2 ? "v1" : cgroup2.mountPoint === "/sys/fs/cgroup" ? "v2" : "hybrid (v1, with v2 beside it)";
  return {
    Version: version,
    Kernel: kernelVersion(),
    Architecture: process.arch,
    CPUs: countCpus(),
    Memory: `${Math.round(memoryBytes() / 2 ** 20)} MB`,
    "Cgroup mode": mode,
    "Cgroup v2 mount": cgroup2?.mountPoint ?? "none",
    "Cgroup controllers": cgroup2?.controllers ?? [],
    "Storage driver": "overlayfs",
    "Backing file system": fileSystemOf(paths.root),
    "State root": paths.root,
    ...inStore(paths),
  };
}

export const memoryBytes = (): number => Number(/MemTotal:\s*(\d+)/.exec(readFile("/proc/meminfo"))?.[1] ?? 0) * 1024;

export const countCpus = (): number => readFile("/proc/cpuinfo").match(/^processor\s*:/gm)?.length ?? 1;

/** The type of the mount that holds a path. */
export const fileSystemOf = (path: string): string => mountOf(path)?.type ?? "unknown";

function inStore(paths: Paths): Info {
  try {
    return {
      Images: listImages(paths).length,
      Containers: readdir(paths.containers)?.length ?? 0,
      "Containers running": listContainers(paths, "running").filter(isUp).length,
    };
  } catch (error) {
    if (!hasCode(error, "EACCES")) throw error;
    return { Images: "unknown: only root may look into the state root" };
  }
}
