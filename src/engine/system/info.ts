/** What `info` tells: the kernel, the cgroup mode, the storage, and how much is in it. */

import { hasCode } from "../../errors.ts";
import { listImages } from "../../image/store.ts";
import { findCgroup2 } from "../../linux/cgroup.ts";
import { readdir, readFile } from "../../linux/file.ts";
import type { Paths } from "../../paths.ts";
import { version } from "../../version.ts";
import { isUp, listContainers } from "../record/container.ts";
import { kernelVersion } from "./version.ts";

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

/** The type of the mount that holds a path: of those that are its prefix, the longest and last one mounted. */
export function fileSystemOf(path: string): string {
  let best = { point: "", type: "unknown" };
  for (const line of readFile("/proc/self/mountinfo").split("\n")) {
    const fields = line.split(" ");
    const point = fields[4];
    if (point === undefined) continue;
    const holds = point === "/" || path === point || path.startsWith(`${point}/`);
    if (holds && point.length >= best.point.length)
      best = { point, type: fields[fields.indexOf("-") + 1] ?? "unknown" };
  }
  return best.type;
}

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
