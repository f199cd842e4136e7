/** `info` in Docker's words: all its fields, those of a daemon and of a swarm with what they are where there is none. */

import { listImages } from "../../image/store.ts";
import { findCgroup2 } from "../../linux/cgroup.ts";
import { readFile, readFileIfAny } from "../../linux/file.ts";
import { kernelVersion } from "../../linux/sysctl.ts";
import { listOrNull, mapOrNull } from "../../nil.ts";
import { digestOf, hexOf } from "../../oci/digest.ts";
import type { Paths } from "../../paths.ts";
import { version } from "../../version.ts";
import { defaultCdiDirectories, readConfig } from "../record/config.ts";
import { listContainers } from "../record/container.ts";
import { knownRuntimes, ownRuntime } from "../record/runtimes.ts";
import { securityOptions, securityWarnings } from "../security/modules.ts";
import { countCpus, fileSystemOf, memoryBytes } from "./info.ts";
import { describeClient } from "./version.ts";

export const describeInfo = (paths: Paths) => ({ ...describeStore(paths), ...describeSystem(paths) });

/** All of it that is not about what is in the store, which only root may look into. */
export const describeSystem = (paths: Paths) => ({
  ID: machineId(),
  Driver: "overlayfs",
  DriverStatus: [["Backing Filesystem", fileSystemOf(paths.root)]] as [string, string][],
  DockerRootDir: paths.root,
  ...describeLimits(),
  ...describeHost(),
  Plugins: {
    Volume: ["local"],
    Network: ["bridge", "host", "ipvlan", "macvlan", "null"],
    Authorization: listOrNull([]),
    Log: ["journald", "json-file", "local", "none", "syslog"],
  },
  LoggingDriver: readConfig().logDriver ?? "local",
  Name: readFile("/proc/sys/kernel/hostname").trim(),
  Labels: listOrNull([]),
  ServerVersion: version,
  Runtimes: new Map(knownRuntimes()),
  DefaultRuntime: readConfig().defaultRuntime ?? ownRuntime,
  InitBinary: "tinydocker",
  SecurityOptions: securityOptions(),
  // Nothing of ours has to live for a container to go on.
  LiveRestoreEnabled: true,
  DefaultAddressPools: listOrNull(readConfig().pools?.map(({ base, bits }) => ({ Base: base, Size: bits }))),
  FirewallBackend: { Driver: readConfig().firewall === "iptables" ? "iptables" : "nftables" },
  CDISpecDirs: readConfig().cdiDirectories ?? defaultCdiDirectories,
  Warnings: listOrNull(warnings()),
  ...ofDaemon,
  ClientInfo: { Debug: false, ...describeClient(), Plugins: [], Warnings: listOrNull([]) },
});

/** What only a daemon, a registry or a swarm has. */
const ofDaemon = {
  Debug: false,
  NFd: 0,
  NGoroutines: 0,
  NEventsListener: 0,
  IndexServerAddress: "",
  RegistryConfig: { InsecureRegistryCIDRs: listOrNull([]), IndexConfigs: mapOrNull(), Mirrors: listOrNull([]) },
  GenericResources: listOrNull([]),
  HttpProxy: "",
  HttpsProxy: "",
  NoProxy: "",
  ExperimentalBuild: false,
  Swarm: {
    NodeID: "",
    NodeAddr: "",
    LocalNodeState: "inactive",
    ControlAvailable: false,
    Error: "",
    RemoteManagers: listOrNull([]),
  },
  Isolation: "",
  ContainerdCommit: { ID: "" },
  RuncCommit: { ID: "" },
  InitCommit: { ID: "" },
};

/** The same each time, and nobody's secret: machine-id(5) is not to be shown as it is. */
function machineId(): string {
  const hex = hexOf(digestOf(`tinydocker ${readFileIfAny("/etc/machine-id")?.trim() ?? ""}`));
  return /^(.{8})(.{4})(.{4})(.{4})(.{12})/.exec(hex)!.slice(1).join("-");
}

/** How much there is of what. @throws SyscallError EACCES for who is not root */
export function describeStore(paths: Paths) {
  const states = listContainers(paths).map(({ status }) => status);
  const count = (...wanted: string[]) => states.filter((status) => wanted.includes(status)).length;
  const running = count("running", "restarting", "unknown");
  const paused = count("paused");
  return {
    Containers: states.length,
    ContainersRunning: running,
    ContainersPaused: paused,
    ContainersStopped: states.length - running - paused,
    Images: listImages(paths).length,
  };
}

/** What this host's cgroup v2 can enforce. */
function describeLimits() {
  const { controllers = [], mountPoint } = findCgroup2() ?? {};
  const has = (controller: string) => controllers.includes(controller);
  return {
    MemoryLimit: has("memory"),
    SwapLimit: has("memory"),
    CpuCfsPeriod: has("cpu"),
    CpuCfsQuota: has("cpu"),
    CPUShares: has("cpu"),
    CPUSet: has("cpuset"),
    PidsLimit: has("pids"),
    OomKillDisable: false,
    CgroupDriver: "cgroupfs",
    CgroupVersion: mountPoint === undefined ? "1" : "2",
  };
}

/** What this host can't limit, as Docker words it. */
export function warnings(): string[] {
  const { MemoryLimit, CpuCfsQuota, CPUSet, PidsLimit } = describeLimits();
  return [
    ...(MemoryLimit ? [] : ["WARNING: No memory limit support"]),
    ...(CpuCfsQuota ? [] : ["WARNING: No cpu cfs quota support"]),
    ...(CPUSet ? [] : ["WARNING: No cpuset support"]),
    ...(findCgroup2()?.controllers.includes("io") ? [] : ["WARNING: No io.max support"]),
    ...(PidsLimit ? [] : ["WARNING: No pids limit support"]),
    ...securityWarnings().map((text) => `WARNING: ${text}`),
  ];
}

const architectures: Partial<Record<string, string>> = { x64: "x86_64", arm64: "aarch64" };

function describeHost() {
  const release = osRelease();
  return {
    IPv4Forwarding: readFileIfAny("/proc/sys/net/ipv4/ip_forward")?.trim() === "1",
    SystemTime: new Date().toISOString(),
    KernelVersion: kernelVersion(),
    OperatingSystem: release.PRETTY_NAME ?? "Linux",
    OSVersion: release.VERSION_ID ?? "",
    OSType: "linux",
    Architecture: architectures[process.arch] ?? process.arch,
    NCPU: countCpus(),
    MemTotal: memoryBytes(),
  };
}

/** os-release(5): lines like those of a shell. */
function osRelease(): Partial<Record<string, string>> {
  const text = readFileIfAny("/etc/os-release") ?? readFileIfAny("/usr/lib/os-release") ?? "";
  const entries = [...text.matchAll(/^([A-Z_]+)=(["']?)(.*)\2$/gm)].map(([, name, , value]) => [name!, value!]);
  return Object.fromEntries(entries);
}
