/** What `spec` writes: the same container as `runc spec` describes. */

import { ociVersion } from "../../oci/version.ts";
import { defaultMounts } from "../../plan/default-mounts.ts";

const capabilities = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];
const hardened = ["nosuid", "noexec", "nodev"];

export const defaultConfig = {
  ociVersion,
  process: {
    terminal: true,
    user: { uid: 0, gid: 0 },
    args: ["sh"],
    env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
    cwd: "/",
    capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
    rlimits: [{ type: "RLIMIT_NOFILE", hard: 1024, soft: 1024 }],
    noNewPrivileges: true,
  },
  root: { path: "rootfs", readonly: true },
  hostname: "tinydocker",
  mounts: [
    { destination: "/proc", type: "proc", source: "proc" },
    ...defaultMounts({ privileged: false, hostNetwork: false, shmBytes: 64 << 20 }).filter(
      ({ destination }) => destination.startsWith("/dev") || destination === "/sys",
    ),
    { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: [...hardened, "relatime", "ro"] },
  ],
  linux: {
    resources: { devices: [{ allow: false, access: "rwm" }] },
    namespaces: ["pid", "network", "ipc", "uts", "mount", "cgroup"].map((type) => ({ type })),
    maskedPaths: [
      "/proc/acpi",
      "/proc/asound",
      "/proc/kcore",
      "/proc/keys",
      "/proc/latency_stats",
      "/proc/timer_list",
      "/proc/timer_stats",
      "/proc/sched_debug",
      "/sys/firmware",
      "/proc/scsi",
    ],
    readonlyPaths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
  },
};
