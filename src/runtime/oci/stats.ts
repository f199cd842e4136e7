/** What a container uses at this moment, in the words of runc's `events --stats`: what this host does not count is not there. */

import { readCgroupFile } from "../../linux/cgroup.ts";
import { countTasks } from "./processes.ts";
import type { ContainerState } from "./state.ts";

/** Times in nanoseconds, sizes in bytes. @see https://docs.kernel.org/admin-guide/cgroup-v2.html */
export function statsOf(state: ContainerState) {
  const { cgroup } = state;
  const cpu = keyed(cgroup, "cpu.stat");
  const memory = keyed(cgroup, "memory.stat");
  const events = keyed(cgroup, "memory.events");
  const number = (file: string) => {
    const text = readCgroupFile(cgroup, file)?.trim();
    return text === undefined ? undefined : text === "max" ? 2 ** 64 : Number(text);
  };
  const nanoseconds = (key: string) => (cpu[key] ?? 0) * 1000;
  return {
    cpu: {
      usage: {
        total: nanoseconds("usage_usec"),
        kernel: nanoseconds("system_usec"),
        user: nanoseconds("user_usec"),
      },
      throttling: {
        periods: cpu.nr_periods ?? 0,
        throttledPeriods: cpu.nr_throttled ?? 0,
        throttledTime: nanoseconds("throttled_usec"),
      },
    },
    ...(number("memory.current") !== undefined && {
      memory: {
        cache: memory.file,
        usage: { usage: number("memory.current"), limit: number("memory.max"), failcnt: events.max },
        swap: { usage: number("memory.swap.current"), limit: number("memory.swap.max") },
        raw: memory,
      },
    }),
    pids: { current: countTasks(state), ...(number("pids.max") !== undefined && { limit: number("pids.max") }) },
    ...(readCgroupFile(cgroup, "io.stat") !== undefined && { blkio: { ioServiceBytesRecursive: ioOf(cgroup) } }),
  };
}

/** Lines of a name and a number. */
function keyed(cgroup: string | undefined, file: string): Record<string, number> {
  const lines = (readCgroupFile(cgroup, file) ?? "").split("\n").filter(Boolean);
  return Object.fromEntries(
    lines.map((line) => line.split(" ") as [string, string]).map(([key, value]) => [key, Number(value)]),
  );
}

/** `8:0 rbytes=4096 wbytes=0 ...`, a line for each device. */
function ioOf(cgroup: string | undefined) {
  return (readCgroupFile(cgroup, "io.stat") ?? "").split("\n").flatMap((line) => {
    const [device = "", ...counts] = line.split(" ");
    const [major, minor] = device.split(":").map(Number);
    const value = (key: string) =>
      Number(counts.find((count) => count.startsWith(`${key}=`))?.slice(key.length + 1) ?? 0);
    return device === ""
      ? []
      : [
          { major, minor, op: "Read", value: value("rbytes") },
          { major, minor, op: "Write", value: value("wbytes") },
        ];
  });
}
