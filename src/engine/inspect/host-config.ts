/** Docker's HostConfig of a container: what was asked for of the host. All its fields are there, also those that say nothing. Pure. */

import { listOrNone, listOrNull, mapOrNone } from "../../nil.ts";
import type { IdMapping } from "../../oci/rare.ts";
import type { DeviceOptions } from "../../plan/device-options.ts";
import { networkMode } from "../../plan/network/options.ts";
import type { RunOptions } from "../../plan/options.ts";
import type { DeviceFigure, ResourceOptions } from "../../plan/resource-options.ts";
import { pathsOf } from "../../plan/security.ts";
import type { SecurityOptions } from "../../plan/security-options.ts";
import { limitsOf } from "../../plan/spec.ts";
import type { IdMaps } from "../../plan/userns/id-map.ts";
import { describeNetworkOptions } from "../network/inspect.ts";
import type { ContainerRecord, LogSettings } from "../record/container.ts";
import { describeProcessOptions } from "./inspect-process.ts";
import { bindTexts, mountSpecs, tmpfsEntries } from "./mounts.ts";

export function describeHostConfig({ name, options, settings }: ContainerRecord) {
  const { restart, log } = settings;
  const paths = pathsOf(options.privileged, options.security);
  return {
    Binds: listOrNull(bindTexts(options.mounts)),
    ContainerIDFile: "",
    LogConfig: describeLog(log),
    NetworkMode: networkMode(options.network),
    ...describeNetworkOptions(options.network, name),
    RestartPolicy: { Name: restart.name, MaximumRetryCount: restart.maximumRetries },
    AutoRemove: settings.remove,
    VolumeDriver: "",
    VolumesFrom: listOrNull([]),
    ConsoleSize: [options.terminalSize?.rows ?? 0, options.terminalSize?.columns ?? 0],
    CapAdd: listOrNull(options.capAdd),
    CapDrop: listOrNull(options.capDrop),
    Cgroup: "",
    Privileged: options.privileged,
    ReadonlyRootfs: options.readOnly,
    SecurityOpt: listOrNull(describeSecurity(options.security)),
    StorageOpt: mapOrNone(storageOf(options.resources)),
    Tmpfs: mapOrNone(tmpfsEntries(options.mounts)),
    UsernsMode: options.userns?.mode ?? "",
    ...(options.userns && { IDMappings: describeIds(options.userns) }),
    Runtime: settings.runtime?.name ?? "tinydocker",
    ...describeProcessOptions(options),
    Isolation: "",
    Init: settings.init,
    ...describeResources(options),
    Mounts: listOrNone(mountSpecs(options.mounts)),
    // As Docker's: nothing at all is another nothing than no paths.
    MaskedPaths: options.privileged ? listOrNull(paths.maskedPaths) : paths.maskedPaths,
    ReadonlyPaths: options.privileged ? listOrNull(paths.readonlyPaths) : paths.readonlyPaths,
  };
}

/** As podman has it. */
const describeIds = ({ uids, gids }: IdMaps) => {
  const lines = (maps: IdMapping[]) => maps.map((map) => `${map.containerID}:${map.hostID}:${map.size}`);
  return { UidMap: lines(uids), GidMap: lines(gids) };
};

/** In Docker's words; what is said of paths is seen in their lists. */
const describeSecurity = ({
  seccomp,
  noNewPrivileges,
  apparmor,
  landlock,
  labelDisabled,
  labels = [],
}: SecurityOptions = {}): string[] => [
  ...(noNewPrivileges === undefined ? [] : [noNewPrivileges ? "no-new-privileges" : "no-new-privileges=false"]),
  ...(seccomp === undefined ? [] : [`seccomp=${seccomp}`]),
  ...(apparmor === undefined ? [] : [`apparmor=${apparmor}`]),
  ...(landlock === undefined ? [] : [`landlock=${landlock}`]),
  ...(labelDisabled ? ["label=disable"] : []),
  ...labels.map((word) => `label=${word}`),
];

/** 0 is without a limit, as Docker has it. */
function describeResources(options: RunOptions) {
  const { cpus, memoryBytes, memorySwapBytes, pids } = limitsOf(options);
  const { resources = {} } = options;
  return {
    CpuShares: resources.cpuShares ?? 0,
    Memory: memoryBytes,
    NanoCpus: Math.round(cpus * 1e9),
    CgroupParent: resources.cgroupParent ?? "",
    BlkioWeight: resources.blkioWeight ?? 0,
    BlkioWeightDevice: figures(resources.blkioWeightDevices, "Weight"),
    BlkioDeviceReadBps: figures(resources.deviceReadBps),
    BlkioDeviceWriteBps: figures(resources.deviceWriteBps),
    BlkioDeviceReadIOps: figures(resources.deviceReadIops),
    BlkioDeviceWriteIOps: figures(resources.deviceWriteIops),
    CpuPeriod: resources.cpuPeriodUs ?? 0,
    CpuQuota: resources.cpuQuotaUs ?? 0,
    CpuRealtimePeriod: 0,
    CpuRealtimeRuntime: 0,
    CpusetCpus: resources.cpusetCpus ?? "",
    CpusetMems: resources.cpusetMems ?? "",
    ...describeDevices(options.devices),
    MemoryReservation: resources.memoryReservationBytes ?? 0,
    MemorySwap: memorySwapBytes,
    MemorySwappiness: null,
    OomKillDisable: null,
    PidsLimit: pids,
    ...ofWindows,
  };
}

/** In the words of the option, with bytes. */
const storageOf = ({ storageBytes }: ResourceOptions = {}): Record<string, string> =>
  storageBytes ? { size: String(storageBytes) } : {};

const figures = (all: DeviceFigure[] = [], name: "Rate" | "Weight" = "Rate") =>
  all.map(({ path, value }) => ({ Path: path, [name]: value }));

const describeDevices = ({ devices = [], rules = [], cdi = [], gpus = [] }: DeviceOptions = {}) => ({
  Devices: devices.map(({ path, target, access }) => ({
    PathOnHost: path,
    PathInContainer: target,
    CgroupPermissions: access,
  })),
  DeviceCgroupRules: listOrNull(rules),
  DeviceRequests: listOrNull([
    ...(cdi.length > 0 ? [{ Driver: "cdi", Count: 0, DeviceIDs: cdi, Capabilities: null, Options: new Map() }] : []),
    ...gpus.map(({ driver, count, ids, capabilities, options }) => ({
      Driver: driver,
      Count: count ?? 0,
      DeviceIDs: ids ?? null,
      Capabilities: [capabilities],
      Options: new Map(Object.entries(options)),
    })),
  ]),
});

/** Docker has them everywhere, as zeros. */
const ofWindows = { CpuCount: 0, CpuPercent: 0, IOMaximumIOps: 0, IOMaximumBandwidth: 0 };

function describeLog({ driver, maxBytes, maxFiles, fields = {} }: LogSettings) {
  const config: [string, string][] = [
    ["max-size", String(maxBytes)],
    ["max-file", String(maxFiles)],
    ...(fields.tag === undefined ? [] : [["tag", fields.tag] as [string, string]]),
    ...(fields.labels ? [["labels", fields.labels.join(",")] as [string, string]] : []),
    ...(fields.env ? [["env", fields.env.join(",")] as [string, string]] : []),
    ...(fields.facility ? [["syslog-facility", fields.facility] as [string, string]] : []),
  ];
  return { Type: driver, Config: new Map(driver === "none" ? [] : config) };
}
