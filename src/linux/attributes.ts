/** What a process has inherited from whoever called it: niceness, scheduling class, CPU affinity, I/O priority, OOM score, limits. */

import { hasCode } from "../errors.ts";
import { EACCES, EPERM } from "./errno.ts";
import { writeSetting } from "./file.ts";
import { allow, memory, syscall } from "./libc.ts";
import { resetSoftLimits } from "./process.ts";

const PRIO_PROCESS = 0;
const SCHED_OTHER = 0;
const IOPRIO_WHO_PROCESS = 1;
/** cpu_set_t; the kernel takes those that there are. */
const everyCpu = memory(128).fill(0xff);

/** As of a process that nobody has changed. What takes a privilege that we have not stays as it is. */
export function resetAttributes(): void {
  const denied = [EPERM, EACCES];
  const set = (subject: string, result: number) => void allow(denied, "set", subject, result);
  set("scheduling class", syscall("sched_setscheduler", 0, SCHED_OTHER, memory(8)));
  set("niceness", syscall("setpriority", PRIO_PROCESS, 0, 0));
  set("CPU affinity", syscall("sched_setaffinity", 0, everyCpu.length, everyCpu));
  set("I/O priority", syscall("ioprio_set", IOPRIO_WHO_PROCESS, 0, 0));
  resetSoftLimits();
  try {
    writeSetting("/proc/self/oom_score_adj", "0");
  } catch (error) {
    if (!hasCode(error, "EACCES", "EPERM", "ENOENT")) throw error;
  }
}
