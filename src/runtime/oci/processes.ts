/** The processes of a container, by their numbers on the host. */

import { readCgroupFile } from "../../linux/cgroup.ts";
import { readdir } from "../../linux/directory.ts";
import { readlinkIfAny } from "../../linux/names.ts";
import type { ProcessId } from "../../linux/proc.ts";
import { allProcesses } from "../../linux/procfs.ts";

/** How the processes of a container are found. */
export interface Whose {
  cgroup?: string | undefined;
  /** Its first process; absent if it is down. */
  process?: Pick<ProcessId, "pid"> | undefined;
}

/** Those in its cgroup; without cgroup v2 those in its pid namespace. In the order of their numbers; none if it is down. */
export function processesOf({ process, cgroup }: Whose): number[] {
  if (cgroup !== undefined) return numbersIn(cgroup, "cgroup.procs");
  if (!process) return [];
  const namespace = readlinkIfAny(`/proc/${process.pid}/ns/pid`);
  if (namespace === undefined) return [];
  return allProcesses().filter((pid) => readlinkIfAny(`/proc/${pid}/ns/pid`) === namespace);
}

/** How many tasks it has, threads among them. */
export function countTasks(state: Whose): number {
  const current = readCgroupFile(state.cgroup, "pids.current");
  if (current !== undefined) return Number(current);
  if (state.cgroup !== undefined) return numbersIn(state.cgroup, "cgroup.threads").length;
  return processesOf(state).length;
}

/** In the cgroup and in those that the container has made below it. A process that our own pid namespace does not have stands there as 0. */
function numbersIn(cgroup: string, file: string): number[] {
  const own = (readCgroupFile(cgroup, file) ?? "")
    .split("\n")
    .map(Number)
    .filter((number) => number > 0);
  const below = (readdir(cgroup, "directories") ?? []).flatMap((name) => numbersIn(`${cgroup}/${name}`, file));
  return [...own, ...below].sort((a, b) => a - b);
}
