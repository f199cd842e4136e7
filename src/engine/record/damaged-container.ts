/** A container one of whose files is damaged: what of it can be read, so that it can be found, seen and removed. */

import { readCgroupFile } from "../../linux/cgroup.ts";
import { readStat, uptimeMs } from "../../linux/procfs.ts";
import type { Paths } from "../../paths.ts";
import { noOptions } from "../../plan/options.ts";
import { readRecordFile } from "../../record-file.ts";
import { type Parsed, parseRecord, salvage } from "../../schema.ts";
import { containerKind, stateKind } from "./container-kind.ts";
import { nameOf, unknownTime } from "./container-name.ts";
import type { ContainerRecord, ContainerState } from "./container-record.ts";
import { readLockFile } from "./lock-file.ts";
import { hasMonitor } from "./monitor-lock.ts";

/** While a container is made or removed it has no record either; that takes no such time. */
const longMs = 3000;

/** True for one that runs, and whose record is gone: only its lock file tells of it. */
export function isLost(paths: Paths, id: string): boolean {
  if (!hasMonitor(paths, id)) return false;
  const pids = readCgroupFile(readLockFile(paths, id)?.cgroup, "cgroup.procs")?.match(/\d+/g)?.map(Number) ?? [];
  return [...pids, processOf(paths, id)].some((pid) => {
    const startMs = pid === undefined ? undefined : readStat(pid)?.startMs;
    return startMs !== undefined && uptimeMs() - startMs > longMs;
  });
}

/** Its first process, as its state tells. */
const processOf = (paths: Paths, id: string): number | undefined =>
  parseRecord(stateKind, readRecordFile(`${paths.containers}/${id}/state.json`), "state.json").value?.process?.pid;

/** What can be read of it, so that it can be found, seen and removed. */
export function damagedContainer(
  paths: Paths,
  id: string,
  record: Parsed<ContainerRecord>,
  state: Parsed<ContainerState>,
) {
  return {
    record: record.value ?? { ...salvage(containerKind, record.rest, unknownRecord(paths, id)), id },
    state: state.value ?? salvage(stateKind, state.rest, { status: "exited", restartCount: 0 }),
    status: "damaged" as const,
    damage: record.damage ?? state.damage!,
  };
}

const unknownRecord = (paths: Paths, id: string): ContainerRecord => ({
  id,
  name: nameOf(paths, id) ?? id.slice(0, 12),
  created: unknownTime,
  image: "?",
  lower: [],
  rootMode: 0o755,
  defaults: {},
  options: noOptions,
  settings: {
    remove: false,
    init: false,
    interactive: false,
    restart: { name: "no", maximumRetries: 0 },
    log: { driver: "none", maxBytes: 0, maxFiles: 0 },
    labels: {},
  },
});
