/** The commands that were started in a container beside its own: `exec`, and health checks. */

import { readStat } from "../../linux/procfs.ts";
import { processesOf } from "../../runtime/oci/processes.ts";
import { execId } from "../container/exec-events.ts";
import { type Container, isUp } from "../record/container.ts";

/** Their ids. A process that came from outside has its parent there; one that lost its parent inside has the container's first. */
export function execIdsOf(container: Container): string[] {
  const { record, state } = container;
  if (!isUp(container) || !state.process) return [];
  const first = state.process.pid;
  const stats = processesOf(state).map((pid) => ({ pid, stat: readStat(pid) }));
  const inside = new Set(stats.map(({ pid }) => pid));
  return stats.flatMap(({ pid, stat }) =>
    stat && pid !== first && !inside.has(stat.parent) ? [execId(record.id, pid, stat.startMs)] : [],
  );
}
