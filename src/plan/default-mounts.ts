/** The devices and file systems of every container, and what of /proc and /sys is covered. Pure. */

import type { Device, Mount } from "../oci/spec.ts";

const device = (path: string, major: number, minor: number, fileMode = 0o666): Device => ({
  type: "c",
  path,
  major,
  minor,
  fileMode,
  uid: 0,
  gid: 0,
});

/** The devices of every container (the runtime specification's default devices; /dev/ptmx and /dev/console come apart). */
export const defaultDevices: Device[] = [
  device("/dev/null", 1, 3),
  device("/dev/zero", 1, 5),
  device("/dev/full", 1, 7),
  device("/dev/random", 1, 8),
  device("/dev/urandom", 1, 9),
  device("/dev/tty", 5, 0),
];

/**
 * The file systems of every container. `privileged` makes /sys and cgroups writable.
 * @param options.shmBytes of /dev/shm; without, half of the host's memory, as the kernel has it. Docker's 64 MB are too small for
 * databases and browsers, and what is in it counts as the container's memory anyway.
 */
export function defaultMounts(options: { privileged: boolean; hostNetwork: boolean; shmBytes?: number }): Mount[] {
  const access = options.privileged ? "rw" : "ro";
  const hardened = ["nosuid", "noexec", "nodev"];
  return [
    { destination: "/proc", type: "proc", source: "proc", options: hardened },
    {
      destination: "/dev",
      type: "tmpfs",
      source: "tmpfs",
      // Not noexec, which would forbid an executable mmap of /dev/zero.
      options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
    },
    {
      destination: "/dev/pts",
      type: "devpts",
      source: "devpts",
      options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
    },
    { destination: "/sys", type: "sysfs", source: "sysfs", options: [...hardened, access] },
    { destination: "/sys/fs/cgroup", type: "cgroup2", source: "cgroup", options: [...hardened, access] },
    { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: hardened },
    {
      destination: "/dev/shm",
      type: "tmpfs",
      source: "shm",
      options: [...hardened, "mode=1777", ...(options.shmBytes === undefined ? [] : [`size=${options.shmBytes}`])],
    },
  ];
}

/** Files of /proc and /sys that tell about the host or harm it: covered by /dev/null or an empty directory. */
export const maskedPaths = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/sys/devices/virtual/powercap",
  "/sys/firmware",
];

/** Settings of the whole kernel below /proc. */
export const readonlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];
