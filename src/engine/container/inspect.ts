/** A container in Docker's words: what `inspect` tells of it. What is data under names of the user's is a Map. Pure. */

import type { Healthcheck } from "../../oci/image.ts";
import type { Mount } from "../../oci/spec.ts";
import { mergeHealth } from "../../plan/health.ts";
import { networkMode } from "../../plan/network-options.ts";
import { defaults, type RunOptions } from "../../plan/options.ts";
import { givenArgs, planEnv } from "../../plan/spec.ts";
import { anonymousOption, dataOf } from "../../plan/volume.ts";
import type { Usage } from "../../runtime/usage.ts";
import { describeExposed, describeNetworkOptions, describeNetworkSettings } from "../network/inspect.ts";
import type { KnownNetwork } from "../network/known.ts";
import { type Container, type ContainerRecord, type ContainerState, isUp, type Status } from "../record/container.ts";

/** What Go prints for a time that never was. */
const never = "0001-01-01T00:00:00Z";

/** @param directory of the container. @param networks those that there are. @param sizes of its files, if somebody asked. */
export function describeContainer(
  container: Container,
  directory: string,
  networks: KnownNetwork[],
  sizes?: { writtenBytes: number; rootBytes: number },
) {
  const { record, state } = container;
  const { id, name, created, options, settings } = record;
  const [path = "/bin/sh", ...args] = givenArgs(options, record.defaults);
  return {
    Id: id,
    Created: created,
    Path: path,
    Args: args,
    State: describeState(container),
    Image: record.imageId ?? "",
    ...describeEtcFiles(container),
    LogPath: settings.log.driver === "none" ? "" : `${directory}/log`,
    Name: `/${name}`,
    RestartCount: state.restartCount,
    Driver: record.rootfs === undefined ? "overlayfs" : "directory",
    Platform: "linux",
    MountLabel: "",
    ProcessLabel: "",
    AppArmorProfile: "",
    ExecIDs: null,
    HostConfig: describeHostConfig(record),
    GraphDriver: describeRoot(record, directory),
    ...(sizes && { SizeRw: sizes.writtenBytes, SizeRootFs: sizes.rootBytes }),
    Mounts: options.mounts.filter(({ type }) => type !== "tmpfs").map((mount) => describeMount(mount, directory)),
    Config: describeConfig(record),
    NetworkSettings: describeNetworkSettings(container, networks),
    Usage: state.usage && describeUsage(state.usage),
  };
}

/** What it finds in /etc, while it runs. */
function describeEtcFiles(container: Container) {
  const { record, state } = container;
  const there = isUp(container) && record.rootfs === undefined;
  const pathOf = (name: string) => (there ? `/proc/${state.process?.pid}/root/etc/${name}` : "");
  return { ResolvConfPath: pathOf("resolv.conf"), HostnamePath: pathOf("hostname"), HostsPath: pathOf("hosts") };
}

/** Docker knows fewer. */
const statusNames: Partial<Record<Status, string>> = { unknown: "running", damaged: "dead" };

function describeState(container: Container) {
  const { state, status, damage } = container;
  const up = isUp(container);
  return {
    Status: statusNames[status] ?? status,
    Running: up,
    Paused: status === "paused",
    Restarting: status === "restarting",
    OOMKilled: state.oomKilled ?? false,
    Dead: status === "damaged",
    Pid: up ? (state.process?.pid ?? 0) : 0,
    ExitCode: up ? 0 : (state.exitCode ?? 0),
    Error: damage === undefined ? (state.error ?? "") : `it ${damage}`,
    StartedAt: state.started ?? never,
    FinishedAt: state.finished ?? never,
    // Ours: false for one that has lost its monitor.
    Monitored: up && status !== "unknown",
    Health: state.health && describeHealth(state.health),
  };
}

const describeHealth = ({ status, failingStreak, log }: NonNullable<ContainerState["health"]>) => ({
  Status: status,
  FailingStreak: failingStreak,
  Log: log.map(({ start, end, exitCode, output }) => ({ Start: start, End: end, ExitCode: exitCode, Output: output })),
});

/** 0 is without a limit, as Docker has it. */
const limitsOf = ({
  cpus = defaults.cpus,
  memoryBytes = defaults.memoryBytes,
  pidsLimit = defaults.pidsLimit,
}: RunOptions) => ({
  NanoCpus: Math.round(cpus * 1e9),
  Memory: memoryBytes,
  // Memory and swap together: no swap.
  MemorySwap: memoryBytes,
  PidsLimit: Math.max(0, pidsLimit),
});

function describeHostConfig({ options, settings }: ContainerRecord) {
  const { restart, log } = settings;
  const binds = options.mounts
    .filter(({ type, options: words }) => type === "bind" || (type === "volume" && !words?.includes(anonymousOption)))
    .map(bindWords);
  const tmpfs = options.mounts.filter(({ type }) => type === "tmpfs");
  return {
    Binds: binds.length > 0 ? binds : null,
    ContainerIDFile: "",
    LogConfig: {
      Type: log.driver,
      Config: new Map(
        log.driver === "none"
          ? []
          : [["max-size", String(log.maxBytes)] as const, ["max-file", String(log.maxFiles)] as const],
      ),
    },
    NetworkMode: networkMode(options.network),
    ...describeNetworkOptions(options.network),
    RestartPolicy: { Name: restart.name, MaximumRetryCount: restart.maximumRetries },
    AutoRemove: settings.remove,
    CapAdd: options.capAdd.length > 0 ? options.capAdd : null,
    CapDrop: options.capDrop.length > 0 ? options.capDrop : null,
    Privileged: options.privileged,
    ReadonlyRootfs: options.readOnly,
    Init: settings.init,
    Tmpfs: new Map(tmpfs.map(({ destination, options: words = [] }) => [destination, words.join(",")])),
    ...limitsOf(options),
  };
}

const isReadOnly = ({ options = [] }: Mount): boolean => options.includes("ro");
const propagationOf = ({ options = [] }: Mount): string =>
  options.find((word) => /^r?(private|shared|slave)$/.test(word)) ?? "rprivate";

const bindWords = (mount: Mount): string => `${mount.source}:${mount.destination}${isReadOnly(mount) ? ":ro" : ""}`;

/** A volume has a name, and a place beside the containers. */
function sourceOf({ type, source = "" }: Mount, directory: string) {
  if (type !== "volume") return { Source: source };
  const volume = directory.replace(/\/containers\/[^/]*$/, `/volumes/${source}`);
  return { Name: source, Source: dataOf(volume), Driver: "local" };
}

const describeMount = (mount: Mount, directory: string) => ({
  Type: mount.type ?? "bind",
  ...sourceOf(mount, directory),
  Destination: mount.destination,
  Mode: isReadOnly(mount) ? "ro" : "",
  RW: !isReadOnly(mount),
  Propagation: propagationOf(mount),
});

/** Where its files are. There is no merged directory: the overlay is mounted in the container's own namespace only. */
function describeRoot({ rootfs, lower }: ContainerRecord, directory: string) {
  if (rootfs !== undefined) return { Name: "directory", Data: { Directory: rootfs } };
  const paths = {
    LowerDir: lower.toReversed().join(":"),
    UpperDir: `${directory}/upper`,
    WorkDir: `${directory}/work`,
  };
  return { Name: "overlayfs", Data: paths };
}

function describeConfig(record: ContainerRecord) {
  const { options, defaults: image, settings, image: name } = record;
  const command = options.command.length > 0 ? options.command : options.entrypoint ? null : image.Cmd;
  return {
    Hostname: options.hostname ?? (options.network.mode === "host" ? "" : defaults.hostname),
    Domainname: "",
    User: options.user ?? image.User ?? "",
    AttachStdin: settings.interactive,
    AttachStdout: true,
    AttachStderr: true,
    ExposedPorts: describeExposed(record),
    Tty: options.terminal,
    OpenStdin: settings.interactive,
    StdinOnce: settings.interactive,
    Env: planEnv(options, image),
    Cmd: command ?? null,
    Healthcheck: describeHealthcheck(mergeHealth(settings.health ?? {}, image.Healthcheck ?? {})),
    Image: name,
    Volumes: new Map(Object.entries(image.Volumes ?? {})),
    WorkingDir: options.workdir ?? image.WorkingDir ?? "",
    Entrypoint: options.entrypoint ?? image.Entrypoint ?? null,
    Labels: new Map(Object.entries({ ...image.Labels, ...settings.labels })),
    StopSignal: settings.stopSignal ?? image.StopSignal ?? "SIGTERM",
    StopTimeout: settings.stopTimeoutS,
  };
}

const describeHealthcheck = (merged: Healthcheck) => (merged.Test ? merged : undefined);

const describeUsage = ({ wallMs, cpuMs, memoryPeakBytes, largestProcessBytes, readBytes, writtenBytes }: Usage) => ({
  WallMs: wallMs,
  CpuMs: cpuMs,
  MemoryPeakBytes: memoryPeakBytes,
  LargestProcessBytes: largestProcessBytes,
  ReadBytes: readBytes,
  WrittenBytes: writtenBytes,
});
