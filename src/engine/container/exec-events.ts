/** What is told of commands that are run in a container beside its own: by `exec`, and as health checks. */

import { readStat } from "../../linux/procfs.ts";
import { digestOf, hexOf } from "../../oci/digest.ts";
import type { Paths } from "../../paths.ts";
import { type ContainerRecord, emitContainerEvent } from "../record/container.ts";

/** Its id. Nothing else is called by it, so it need not be kept. */
export const execId = (container: string, pid: number, startMs: number): string =>
  hexOf(digestOf(`${container} exec ${pid} ${startMs}`));

const longestCommand = 4096;

/** @returns how to tell the rest. */
export function tellExec(paths: Paths, record: ContainerRecord, command: string[]) {
  const text = command.join(" ").slice(0, longestCommand);
  let execID = execId(record.id, process.pid, performance.timeOrigin + performance.now());
  const tell = (action: string, more: Record<string, string> = {}) =>
    emitContainerEvent(paths, record, action, { execID, ...more });
  return {
    id: () => execID,
    /** As a process of the host. */
    started: (pid: number) => {
      execID = execId(record.id, pid, readStat(pid)?.startMs ?? 0);
      tell(`exec_create: ${text}`);
      tell(`exec_start: ${text}`);
    },
    died: (exitCode: number) => tell("exec_die", { exitCode: String(exitCode) }),
    detached: () => tell("exec_detach"),
    /** It never became its program. */
    failed: (exitCode: number) => {
      tell(`exec_create: ${text}`);
      tell("exec_die", { exitCode: String(exitCode) });
    },
  };
}
