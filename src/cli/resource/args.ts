/** The options of `run` and `create` that are about memory, CPUs, disks and devices, beyond those that most use. */

import type { Argument, Arguments } from "../words/command.ts";

const one = (valueHint: string, description: string) =>
  ({ group: "Resources", type: "string", valueHint, description }) as const satisfies Argument;
/** A number: nothing is none. */
const figure = (valueHint: string, description: string) =>
  ({ ...one(valueHint, description), empty: "checked" }) as const;
const many = (valueHint: string, description: string) => ({ ...one(valueHint, description), multiple: true }) as const;

/** Those that `update` has, too. */
export const updatableArgs = {
  "memory-swap": figure("size", "Limit of memory and swap together; -1 is unlimited swap (twice --memory)"),
  "memory-reservation": figure("size", "Memory that is reclaimed only when the host has no other"),
  "cpu-shares": figure("n", "Relative CPU weight, 2 to 262144 (1024)"),
  "cpu-period": figure("us", "Length of a CPU period in microseconds (100000)"),
  "cpu-quota": figure("us", "CPU time in each period in microseconds; -1 is unlimited"),
  "cpuset-cpus": one("list", "CPUs to run on: 0-2,4"),
  "cpuset-mems": one("list", "Memory nodes to allocate from: 0,1"),
  "blkio-weight": figure("n", "Relative weight of disk I/O, 10 to 1000"),
} as const satisfies Arguments;

export const resourceArgs = {
  ...updatableArgs,
  "memory-swappiness": figure("n", "Refused: cgroup v2 has no swappiness of a container"),
  "oom-kill-disable": {
    group: "Resources",
    type: "boolean",
    description: "Refused: cgroup v2 can't switch the OOM killer off",
  },
  "blkio-weight-device": many("disk:n", "Weight of I/O on one disk"),
  "device-read-bps": many("disk:rate", "Limit reads from a disk, in bytes per second: /dev/sda:1mb"),
  "device-write-bps": many("disk:rate", "Limit writes to a disk, in bytes per second"),
  "device-read-iops": many("disk:n", "Limit reads from a disk, in operations per second"),
  "device-write-iops": many("disk:n", "Limit writes to a disk, in operations per second"),
  "cgroup-parent": one("path", "Cgroup to create the container's in (/tinydocker)"),
  "storage-opt": many("size=size", "Limit of what the container may write to its root: size=10g"),
  device: many(
    "host[:container][:rwm]",
    "Add a device or a directory of devices, or a CDI device: vendor.com/class=name",
  ),
  "device-cgroup-rule": many("rule", "Rule of the device filter: 'c 42:* rwm'"),
  gpus: many("gpus", "Add GPUs by CDI: all, a number, or device=0,1"),
} as const satisfies Arguments;
