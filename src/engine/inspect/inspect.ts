/** A container in Docker's words: what `inspect` tells of it. What is data under names of the user's is a Map. Pure. */

import { listOrNone, listOrNull, mapOrNone, mapOrNull } from "../../nil.ts";
import type { Healthcheck } from "../../oci/image.ts";
import { mergeHealth } from "../../plan/health.ts";
import type { SecretRequest } from "../../plan/secrets.ts";
import { givenArgs, planEnv } from "../../plan/spec.ts";
import type { Usage } from "../../runtime/usage.ts";
import { describeExposed, describeNetworkSettings } from "../network/inspect.ts";
import type { KnownNetwork } from "../network/known.ts";
import { type Container, type ContainerRecord, type ContainerState, isUp, type Status } from "../record/container.ts";
import { describeHostConfig } from "./host-config.ts";
import type { Labels } from "./labels.ts";
import { mountPoints } from "./mounts.ts";

/** What Go prints for a time that never was. */
const never = "0001-01-01T00:00:00Z";

/** What its records do not say. */
export interface Seen {
  /** Of its files, if somebody asked. */
  sizes?: { writtenBytes: number; rootBytes: number } | undefined;
  /** Of the commands that run in it beside its own. */
  execIds?: string[];
  /** Where `mount` has mounted its root. */
  mounted?: string | undefined;
  /** Of the kernel's security modules. */
  labels?: Labels;
}

/** @param directory of the container. @param networks those that there are. */
export function describeContainer(
  container: Container,
  directory: string,
  networks: KnownNetwork[],
  { sizes, execIds = [], mounted, labels }: Seen = {},
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
    MountLabel: labels?.mount ?? "",
    ProcessLabel: labels?.process ?? "",
    AppArmorProfile: labels?.appArmor ?? "",
    ExecIDs: listOrNull(execIds),
    HostConfig: describeHostConfig(record),
    GraphDriver: describeRoot(container, directory, mounted),
    SizeRw: sizes?.writtenBytes,
    SizeRootFs: sizes?.rootBytes,
    Mounts: mountPoints(options.mounts, directory),
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

/** Where its files are. Their overlay is mounted in the container's own namespace only; the way there is by its first process. */
function describeRoot(container: Container, directory: string, mounted: string | undefined) {
  const { rootfs, lower, id } = container.record;
  if (rootfs !== undefined) return { Data: new Map([["Directory", rootfs]]), Name: "directory" };
  const paths = {
    ID: id,
    LowerDir: lower.toReversed().join(":"),
    MergedDir: mounted ?? (isUp(container) ? `/proc/${container.state.process?.pid}/root` : ""),
    UpperDir: `${directory}/upper`,
    WorkDir: `${directory}/work`,
  };
  return { Data: new Map(Object.entries(paths)), Name: "overlayfs" };
}

function describeConfig(record: ContainerRecord) {
  const { options, defaults: image, settings, image: name } = record;
  const command = options.command.length > 0 ? options.command : options.entrypoint ? null : image.Cmd;
  return {
    Hostname: options.hostname ?? "",
    Domainname: options.process?.domainname ?? "",
    User: options.user ?? image.User ?? "",
    AttachStdin: settings.attach?.includes("stdin") ?? settings.interactive,
    AttachStdout: settings.attach?.includes("stdout") ?? true,
    AttachStderr: settings.attach?.includes("stderr") ?? true,
    ExposedPorts: describeExposed(record) ?? mapOrNone(),
    Tty: options.terminal,
    OpenStdin: settings.interactive,
    StdinOnce: settings.interactive,
    Env: planEnv(options, image),
    Cmd: listOrNull(command),
    Healthcheck: describeHealthcheck(mergeHealth(settings.health ?? {}, image.Healthcheck ?? {})),
    HealthcheckOnFailureAction: settings.health?.onFailure,
    Image: name,
    Volumes: mapOrNull(image.Volumes),
    WorkingDir: options.workdir ?? image.WorkingDir ?? "",
    Entrypoint: listOrNull(options.entrypoint ?? image.Entrypoint),
    OnBuild: listOrNull([]),
    Labels: new Map(Object.entries({ ...image.Labels, ...settings.labels })),
    StopSignal: settings.stopSignal ?? image.StopSignal ?? "SIGTERM",
    StopTimeout: settings.stopTimeoutS,
    // Podman's.
    ...(settings.timeoutS !== undefined && { Timeout: settings.timeoutS }),
    Shell: listOrNone(image.Shell),
    // As podman: which there are, not what they are.
    Secrets: listOrNone(options.secrets?.map(describeSecret)),
  };
}

const describeSecret = ({ secret, id = "", type, target, uid, gid, mode }: SecretRequest) => ({
  Name: secret,
  ID: id,
  Type: type,
  Target: target,
  UID: uid,
  GID: gid,
  Mode: mode,
});

const describeHealthcheck = (merged: Healthcheck) => (merged.Test ? merged : undefined);

const describeUsage = ({ wallMs, cpuMs, memoryPeakBytes, largestProcessBytes, readBytes, writtenBytes }: Usage) => ({
  WallMs: wallMs,
  CpuMs: cpuMs,
  MemoryPeakBytes: memoryPeakBytes,
  LargestProcessBytes: largestProcessBytes,
  ReadBytes: readBytes,
  WrittenBytes: writtenBytes,
});
