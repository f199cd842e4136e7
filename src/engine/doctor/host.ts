/** What this host has for containers: its kernel, cgroups, namespaces, file systems, filters, and what the caller may do. */

import { hasCode } from "../../errors.ts";
import { landlockVersion } from "../../linux/bpf/landlock.ts";
import { loadDeviceFilter } from "../../linux/bpf/program.ts";
import { findCgroup2 } from "../../linux/cgroup.ts";
import { readdir } from "../../linux/directory.ts";
import { close, readFile, readFileIfAny } from "../../linux/file.ts";
import { fsmount } from "../../linux/mount.ts";
import { mkdir, rmdir } from "../../linux/names.ts";
import { getTable } from "../../linux/netlink/nftables.ts";
import { withNetlink } from "../../linux/netlink/socket.ts";
import { statIfAny } from "../../linux/stat.ts";
import { kernelVersion } from "../../linux/sysctl.ts";
import { capabilityNames } from "../../oci/capabilities.ts";
import type { Paths } from "../../paths.ts";
import { defaultCapabilities } from "../../plan/capabilities.ts";
import { defaultDeviceFilter } from "../../plan/device/default-filter.ts";
import { fileSystemOf } from "../system/info.ts";
import { type Finding, fine, lacking, problem } from "./finding.ts";
import { securityModules } from "./security-modules.ts";

/** In the order of their weight. */
export const checkHost = (paths: Paths): Finding[] => [
  kernel(),
  capabilities(),
  ...namespaces(),
  cgroups(),
  controllers(),
  stateRoot(paths),
  overlay(),
  seccomp(),
  deviceFilter(),
  netfilter(),
  forwarding(),
  userNamespaces(),
  subordinateIds(),
  ...securityModules(),
  landlock(),
  otherArchitectures(),
];

const oldest = [5, 14] as const;

function kernel(): Finding {
  const release = kernelVersion();
  const [major = 0, minor = 0] = release.split(".").map(Number);
  const text = `${release}, ${process.arch}`;
  return major > oldest[0] || (major === oldest[0] && minor >= oldest[1])
    ? fine("kernel", text)
    : problem(
        "kernel",
        text,
        "tinydocker needs Linux 5.14 or newer: cgroup.kill, and mounts that are attached nowhere",
      );
}

function capabilities(): Finding {
  const effective = BigInt(`0x${/^CapEff:\s*(\S+)/m.exec(readFile("/proc/self/status"))?.[1] ?? "0"}`);
  const missing = capabilityNames.filter((_, number) => (effective & (1n << BigInt(number))) === 0n);
  const last = Number(readFile("/proc/sys/kernel/cap_last_cap"));
  const known = missing.filter((name) => capabilityNames.indexOf(name) <= last);
  if (known.length === 0) return fine("capabilities", "all");
  const isNeeded = (name: string) => ["CAP_SYS_ADMIN", ...defaultCapabilities].includes(name);
  const text = known.length > 8 ? `all but ${known.length} are missing` : `${known.join(", ")} missing`;
  return process.geteuid?.() !== 0 || known.some(isNeeded)
    ? problem("capabilities", text.replace("all but ", ""), "as root: sudo tinydocker doctor")
    : lacking("capabilities", text, "a container can't be given them, and a limit above our own can't be set");
}

const kinds = { mnt: "mount", pid: "pid", net: "network", ipc: "ipc", uts: "uts", cgroup: "cgroup" } as const;

function namespaces(): Finding[] {
  const lost = Object.keys(kinds).filter((kind) => !statIfAny(`/proc/self/ns/${kind}`) || limitOf(kind) === 0);
  const names = (list: string[]) => list.map((kind) => kinds[kind as keyof typeof kinds]).join(", ");
  if (lost.length === 0) return [fine("namespaces", names(Object.keys(kinds)))];
  return [
    problem(
      "namespaces",
      `none of the kind ${names(lost)}`,
      "the kernel's CONFIG_*_NS, or sysctl user.max_*_namespaces",
    ),
  ];
}

/** Of namespaces of a kind that a user may have; undefined where nothing says so. */
const limitOf = (kind: string): number | undefined => {
  const text = readFileIfAny(`/proc/sys/user/max_${kind}_namespaces`);
  return text === undefined ? undefined : Number(text);
};

function cgroups(): Finding {
  const cgroup2 = findCgroup2();
  const boot = "boot with systemd.unified_cgroup_hierarchy=1";
  if (!cgroup2) return lacking("cgroups", "version 1 alone: no limits, no device filter", boot);
  if (cgroup2.mountPoint !== "/sys/fs/cgroup")
    return lacking("cgroups", `hybrid: version 2 at ${cgroup2.mountPoint}, beside version 1`, boot);
  return fine("cgroups", "version 2");
}

function controllers(): Finding {
  const there = findCgroup2()?.controllers ?? [];
  const missing = ["memory", "cpu", "pids", "io", "cpuset"].filter((name) => !there.includes(name));
  if (missing.length === 0) return fine("controllers", there.join(" "));
  return lacking("controllers", `version 2 has no ${missing.join(", ")}`, "limits of these are refused (-m, -c, ...)");
}

/** A state root that became read-only: what there is can be seen and stopped. */
function stateRoot({ root, containers }: Paths): Finding {
  if (!statIfAny(root)) return fine("state root", `${root} will be made`);
  const type = fileSystemOf(root);
  const probe = `${root}/doctor-${process.pid}`;
  try {
    mkdir(probe);
    rmdir(probe);
  } catch (error) {
    if (!hasCode(error, "EROFS", "EACCES", "ENOSPC", "EDQUOT")) throw error;
    const hint = error.code === "EROFS" ? `mount -o remount,rw, after a look at the kernel's log` : undefined;
    return problem("state root", `${root} (${type}) cannot be written: ${error.code}`, hint);
  }
  if (type === "overlay" && statIfAny(containers))
    return lacking(
      "state root",
      `${root} is on overlayfs: roots are copied, which is slow`,
      "--root on ext4, XFS or btrfs",
    );
  return fine("state root", `${root} (${type})`);
}

function overlay(): Finding {
  try {
    close(fsmount("overlay", "overlay", ["lowerdir=/proc/self:/proc/self/fd"]));
    return fine("overlayfs", "there");
  } catch (error) {
    if (hasCode(error, "ENODEV")) return problem("overlayfs", "not in this kernel", "modprobe overlay");
    if (hasCode(error, "EPERM"))
      return problem("overlayfs", "cannot be mounted: EPERM", "as root: sudo tinydocker doctor");
    return fine("overlayfs", "there");
  }
}

function seccomp(): Finding {
  const actions = readFileIfAny("/proc/sys/kernel/seccomp/actions_avail");
  return actions === undefined
    ? problem("seccomp", "not in this kernel", "CONFIG_SECCOMP_FILTER")
    : fine("seccomp", actions.trim());
}

function deviceFilter(): Finding {
  try {
    close(loadDeviceFilter("td_doctor", Buffer.from(defaultDeviceFilter, "base64")));
    return fine("device filter", "bpf(2) loads one");
  } catch (error) {
    return lacking("device filter", (error as Error).message, "without it root in a container can use every device");
  }
}

function netfilter(): Finding {
  try {
    withNetlink("NETFILTER", (socket) => getTable(socket, { family: "inet", name: "tinydocker" }));
    return fine("nf_tables", "there");
  } catch (error) {
    return lacking(
      "nf_tables",
      (error as Error).message,
      "networks then need iptables, and the modules ip_tables and nf_nat",
    );
  }
}

function forwarding(): Finding {
  const is = (path: string) => readFileIfAny(path)?.trim() === "1";
  const [v4, v6] = [is("/proc/sys/net/ipv4/ip_forward"), is("/proc/sys/net/ipv6/conf/all/forwarding")];
  return fine(
    "forwarding",
    `IPv4 ${v4 ? "on" : "off"}, IPv6 ${v6 ? "on" : "off"}; switched on when a network needs it`,
  );
}

function userNamespaces(): Finding {
  const most = limitOf("user");
  if (!statIfAny("/proc/self/ns/user") || most === 0)
    return lacking("user namespaces", "none", "sysctl user.max_user_namespaces, or CONFIG_USER_NS");
  return fine("user namespaces", most === undefined ? "there" : `${most} at most`);
}

function subordinateIds(): Finding {
  const users = ["/etc/subuid", "/etc/subgid"].map((path) => (readFileIfAny(path) ?? "").split("\n").filter(Boolean));
  if (users.some((lines) => lines.length === 0))
    return lacking(
      "subordinate ids",
      "none in /etc/subuid or /etc/subgid",
      "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER",
    );
  return fine("subordinate ids", users[0]!.map((line) => line.split(":")[0]).join(", "));
}

function landlock(): Finding {
  const version = landlockVersion();
  return version === undefined ? lacking("Landlock", "not in this kernel") : fine("Landlock", `ABI ${version}`);
}

function otherArchitectures(): Finding {
  const names = (readdir("/proc/sys/fs/binfmt_misc") ?? []).filter((name) => name.startsWith("qemu-"));
  return fine("binfmt_misc", names.length > 0 ? names.join(", ") : "no emulator of another architecture");
}
