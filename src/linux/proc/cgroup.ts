/** In which cgroup of version 2 a process is (proc_pid_cgroup(5)). */

import { readFileIfAny } from "../file.ts";

/**
 * Where a process is in a cgroup or below it: "" in itself, "/below". The path of the cgroup's directory may be another than
 * what the kernel has, as it counts from a root that may be mounted elsewhere: its last name, which is nobody else's, is looked for.
 * @returns undefined if it is elsewhere, or has ended.
 */
export function placeInCgroup(pid: number, cgroup: string): string | undefined {
  const line = readFileIfAny(`/proc/${pid}/cgroup`)
    ?.split("\n")
    .find((text) => text.startsWith("0::"));
  const own = cgroup.slice(cgroup.lastIndexOf("/"));
  const at = `${line ?? ""}/`.lastIndexOf(`${own}/`);
  return line === undefined || at < 0 ? undefined : line.slice(at + own.length);
}
