/** What a container's process and its namespaces are, in Docker's words (HostConfig of the Engine API). Pure. */

import { listOrNull, mapOrNone } from "../../nil.ts";
import type { RunOptions } from "../../plan/options.ts";
import { limitsOf } from "../../plan/spec.ts";
import { sysctlName } from "../../plan/sysctl.ts";

/** Zero values where nobody said anything. */
export function describeProcessOptions(options: RunOptions) {
  const { process = {} } = options;
  const { pid, ipc, uts, cgroupns, groups, oomScoreAdj, ulimits, sysctls, annotations, shmBytes } = process;
  return {
    PidMode: pid ?? "",
    IpcMode: ipc ?? "private",
    UTSMode: uts ?? "",
    CgroupnsMode: cgroupns ?? "private",
    GroupAdd: listOrNull(groups ?? []),
    OomScoreAdj: oomScoreAdj ?? 0,
    // 0 is half of the host's memory.
    ShmSize: shmBytes ?? limitsOf(options).memoryBytes,
    Ulimits: listOrNull((ulimits ?? []).map(({ name, soft, hard }) => ({ Name: name, Hard: hard, Soft: soft }))),
    Sysctls: mapOrNone(Object.entries(sysctls ?? {}).map(([name, value]) => [sysctlName(name), value] as const)),
    Annotations: mapOrNone(annotations),
    ...describePodmans(process),
  };
}

/** Those that Docker does not have; only where somebody said something. */
const describePodmans = ({ timezone, umask, unsetEnv, unsetEnvAll }: NonNullable<RunOptions["process"]>) => ({
  ...(timezone !== undefined && { Timezone: timezone }),
  ...(umask !== undefined && { Umask: umask.toString(8).padStart(4, "0") }),
  ...(unsetEnv && { UnsetEnv: unsetEnv }),
  ...(unsetEnvAll && { UnsetEnvAll: true }),
});
