/** What is kept of a container: the types of container.json and state.json, and the tables by which they are read. */

import type { ProcessId } from "../../linux/proc.ts";
import type { Healthcheck } from "../../oci/image.ts";
import type { IdMapping } from "../../oci/rare.ts";
import type { DeviceOptions, DeviceRequest, GpuRequest } from "../../plan/device-options.ts";
import type { HealthOptions } from "../../plan/health.ts";
import type { ExtraHost } from "../../plan/hosts.ts";
import type { MountRequest } from "../../plan/mounts.ts";
import type { Connected, Endpoint, Link, Publication, PublishedPort } from "../../plan/network.ts";
import type { NetworkOptions, NetworkRequest } from "../../plan/network-options.ts";
import type { AssumedLimits, RunOptions } from "../../plan/options.ts";
import type { IpcMode, ProcessOptions, SharedNamespace, Ulimit } from "../../plan/process-options.ts";
import type { ExposedPort, PortRange, PortRequest } from "../../plan/publish.ts";
import type { DnsOptions } from "../../plan/resolv-conf.ts";
import type { DeviceFigure, ResourceOptions } from "../../plan/resource-options.ts";
import type { SecretRequest } from "../../plan/secrets.ts";
import type { SecurityOptions } from "../../plan/security-options.ts";
import type { ImageDefaults } from "../../plan/spec.ts";
import type { UserNamespace } from "../../plan/userns/spec.ts";
import type { Usage } from "../../runtime/usage.ts";
import {
  anything,
  type Check,
  flag,
  kindOf,
  list,
  map,
  nullable,
  number,
  object,
  oneOf,
  optional,
  text,
  time,
} from "../../schema.ts";
import { containerUpgrades, stateUpgrades } from "./container-upgrades.ts";
import { parentCheck } from "./parent-check.ts";

/** What a container is: written when it is created, and by `rename` and `update`. */
export interface ContainerRecord {
  /** 64 hexadecimal digits. */
  id: string;
  name: string;
  /** ISO 8601. */
  created: string;
  /** As the user named it. */
  image: string;
  imageId?: string;
  /** A directory of the host that is the root, in place. */
  rootfs?: string;
  /** Layers of the image from the bottom to the top; none where `rootfs` is given. */
  lower: string[];
  /** Permission bits of the image's root directory. */
  rootMode: number;
  defaults: ImageDefaults;
  options: RunOptions;
  settings: Settings;
}

/** What the monitor does for a container, beyond what its program sees. */
export interface Settings {
  /** Remove the container when it ends. */
  remove: boolean;
  /** A small init as process 1. */
  init: boolean;
  /** Its stdin stays open for those who attach. */
  interactive: boolean;
  restart: RestartPolicy;
  log: LogSettings;
  labels: Record<string, string>;
  /** A signal's name or number; the image's, or SIGTERM. */
  stopSignal?: string;
  stopTimeoutS?: number;
  /** What was said about health checks; the rest is the image's. */
  health?: HealthOptions;
  /** What `--attach` named. */
  attach?: Stream[];
  /** It is killed when it has run that long; 0 is never. */
  timeoutS?: number;
  /** Its user wants to know what it took: look closer where this host does not count. */
  report?: boolean;
}

export type Stream = "stdin" | "stdout" | "stderr";

export interface RestartPolicy {
  name: "no" | "always" | "unless-stopped" | "on-failure";
  /** Of on-failure; 0 is without limit. */
  maximumRetries: number;
}

/** What is said of the container beside each line. */
export interface LogFields {
  /** A template: `{{.Name}}/{{.ID}}`. */
  tag?: string;
  /** Keys of labels and names of variables whose values are to be there. */
  labels?: string[];
  env?: string[];
  /** Of syslog. */
  facility?: string;
}

export interface LogSettings {
  driver: "local" | "json-file" | "none" | "journald" | "syslog";
  maxBytes: number;
  maxFiles: number;
  fields?: LogFields;
}

/** What became of a container: written by its monitor. */
export interface ContainerState {
  status: "created" | "running" | "restarting" | "exited";
  /** Its first process, on the host; of the last start. */
  process?: ProcessId;
  /** Its cgroup v2 directory. */
  cgroup?: string;
  /** ISO 8601. */
  started?: string;
  finished?: string;
  exitCode?: number;
  oomKilled?: boolean;
  /** Why it could not be started. */
  error?: string;
  restartCount: number;
  /** How long its policy waited the last time. */
  restartDelayMs?: number;
  /** Who waits to start it again. */
  monitor?: ProcessId;
  /** What it used, of the run that has ended. */
  usage?: Usage;
  /** Of a container with a health check, since its last start. */
  health?: Health;
  /** Of its last start. */
  network?: Connected;
}

/** What its health check said (engine/container/health.ts). */
export interface Health {
  status: "starting" | "healthy" | "unhealthy";
  /** Failures one after the other, until now. */
  failingStreak: number;
  /** The last results, the newest at the end. */
  log: HealthResult[];
}

export interface HealthResult {
  /** ISO 8601. */
  start: string;
  end: string;
  /** -1 for one that took too long. */
  exitCode: number;
  output: string;
}

const texts = list(text);
const protocol = oneOf("tcp", "udp", "sctp");

const mount = object<MountRequest>(() => ({
  destination: text,
  type: optional(text),
  source: optional(text),
  options: optional(texts),
  volume: optional(object<NonNullable<MountRequest["volume"]>>(() => ({ labels: map(text), options: map(text) }))),
}));

const links = list(object<Link>(() => ({ container: text, id: optional(text), alias: text })));

const network = object<NetworkOptions>(() => ({
  mode: oneOf("none", "host", "container", "bridge"),
  container: optional(text),
  networks: list(
    object<NetworkRequest>(() => ({
      network: text,
      ip: optional(text),
      ip6: optional(text),
      mac: optional(text),
      aliases: texts,
      links: optional(links),
      gwPriority: optional(number),
      linkLocalIps: optional(texts),
      driverOptions: optional(map(text)),
    })),
  ),
  publish: list(
    object<PortRequest>(() => ({
      protocol,
      port: number,
      hostIp: optional(text),
      hostPorts: optional(object<PortRange>(() => ({ first: number, last: number }))),
    })),
  ),
  publishAll: flag,
  expose: list(object<ExposedPort>(() => ({ protocol, port: number }))),
  dns: object<DnsOptions>(() => ({ servers: optional(texts), search: optional(texts), options: optional(texts) })),
  hosts: list(object<ExtraHost>(() => ({ name: text, address: text }))),
}));

const figures = optional(list(object<DeviceFigure>(() => ({ path: text, value: number }))));

const resources = object<ResourceOptions>(() => ({
  memorySwapBytes: optional(number),
  memoryReservationBytes: optional(number),
  cpuShares: optional(number),
  cpuPeriodUs: optional(number),
  cpuQuotaUs: optional(number),
  cpusetCpus: optional(text),
  cpusetMems: optional(text),
  blkioWeight: optional(number),
  blkioWeightDevices: figures,
  deviceReadBps: figures,
  deviceWriteBps: figures,
  deviceReadIops: figures,
  deviceWriteIops: figures,
  storageBytes: optional(number),
  cgroupParent: optional(text),
}));

const devices = object<DeviceOptions>(() => ({
  devices: optional(list(object<DeviceRequest>(() => ({ path: text, target: text, access: text })))),
  rules: optional(texts),
  cdi: optional(texts),
  gpus: optional(
    list(
      object<GpuRequest>(() => ({
        driver: text,
        count: optional(number),
        ids: optional(texts),
        capabilities: texts,
        options: map(text),
      })),
    ),
  ),
}));

const isShared = (value: unknown): boolean => value === "host" || /^container:./.test(String(value));
const shared: Check<SharedNamespace> = (value) => (isShared(value) ? undefined : " is neither host nor container:...");
const ipcModes: unknown[] = ["none", "private", "shareable"];
const ipc: Check<IpcMode> = (value) => (ipcModes.includes(value) ? undefined : shared(value));

const process = object<ProcessOptions>(() => ({
  shmBytes: optional(number),
  ulimits: optional(list(object<Ulimit>(() => ({ name: text, soft: number, hard: number })))),
  sysctls: optional(map(text)),
  groups: optional(texts),
  pid: optional(shared),
  ipc: optional(ipc),
  uts: optional(oneOf("host")),
  cgroupns: optional(oneOf("host")),
  domainname: optional(text),
  oomScoreAdj: optional(number),
  umask: optional(number),
  timezone: optional(text),
  unsetEnv: optional(texts),
  unsetEnvAll: optional(flag),
  annotations: optional(map(text)),
}));

const idMappings = list(object<IdMapping>(() => ({ containerID: number, hostID: number, size: number })));

const userns = object<UserNamespace>(() => ({
  mode: text,
  uids: idMappings,
  gids: idMappings,
  pieces: optional(list(number)),
  container: optional(text),
  caller: optional(object<NonNullable<UserNamespace["caller"]>>(() => ({ uid: number, gid: number }))),
}));

const security = object<SecurityOptions>(() => ({
  seccomp: optional(text),
  noNewPrivileges: optional(flag),
  apparmor: optional(text),
  labelDisabled: optional(flag),
  systemPathsUnconfined: optional(flag),
  mask: optional(texts),
  unmask: optional(texts),
}));

const options = object<RunOptions>(() => ({
  command: texts,
  entrypoint: optional(texts),
  hostname: optional(text),
  cpus: optional(number),
  memoryBytes: optional(number),
  pidsLimit: optional(number),
  resources: optional(resources),
  devices: optional(devices),
  assumed: optional(
    object<AssumedLimits>(() => ({
      cpus: optional(number),
      memoryBytes: optional(number),
      memorySwapBytes: optional(number),
      pidsLimit: optional(number),
    })),
  ),
  mounts: list(mount),
  env: texts,
  workdir: optional(text),
  user: optional(text),
  network,
  process: optional(process),
  security: optional(security),
  terminal: flag,
  terminalSize: optional(object<NonNullable<RunOptions["terminalSize"]>>(() => ({ rows: number, columns: number }))),
  readOnly: flag,
  privileged: flag,
  capAdd: texts,
  capDrop: texts,
  secrets: optional(
    list(
      object<SecretRequest>(() => ({
        secret: text,
        id: optional(text),
        type: oneOf("mount", "env"),
        target: text,
        uid: number,
        gid: number,
        mode: number,
      })),
    ),
  ),
  userns: optional(userns),
}));

const health = object<HealthOptions>(() => ({
  test: optional(texts),
  intervalMs: optional(number),
  timeoutMs: optional(number),
  retries: optional(number),
  startPeriodMs: optional(number),
  startIntervalMs: optional(number),
  onFailure: optional(oneOf("none", "kill", "restart", "stop")),
}));

const settings = object<Settings>(() => ({
  remove: flag,
  init: flag,

  interactive: flag,
  restart: object<RestartPolicy>(() => ({
    name: oneOf("no", "always", "unless-stopped", "on-failure"),
    maximumRetries: number,
  })),
  log: object<LogSettings>(() => ({
    driver: oneOf("local", "json-file", "none", "journald", "syslog"),
    maxBytes: number,
    maxFiles: number,
    fields: optional(
      object<LogFields>(() => ({
        tag: optional(text),
        labels: optional(texts),
        env: optional(texts),
        facility: optional(text),
      })),
    ),
  })),
  labels: map(text),
  stopSignal: optional(text),
  stopTimeoutS: optional(number),
  health: optional(health),
  attach: optional(list(oneOf("stdin", "stdout", "stderr"))),
  timeoutS: optional(number),
  report: optional(flag),
}));

const defaults = object<ImageDefaults>(() => ({
  Entrypoint: optional(nullable(texts)),
  Cmd: optional(nullable(texts)),
  Env: optional(nullable(texts)),
  WorkingDir: optional(nullable(text)),
  User: optional(nullable(text)),
  Volumes: optional(nullable(map(anything))),
  ExposedPorts: optional(nullable(map(anything))),
  StopSignal: optional(nullable(text)),
  Labels: optional(nullable(map(text))),
  Shell: optional(nullable(texts)),
  Healthcheck: optional(
    nullable(
      object<Healthcheck>(() => ({
        Test: optional(texts),
        Interval: optional(number),
        Timeout: optional(number),
        Retries: optional(number),
        StartPeriod: optional(number),
        StartInterval: optional(number),
      })),
    ),
  ),
}));

/** container.json */
export const containerKind = kindOf<ContainerRecord>(
  {
    id: text,
    name: text,
    created: time,
    image: text,
    imageId: optional(text),
    rootfs: optional(text),
    lower: texts,
    rootMode: number,
    defaults,
    options,
    settings,
  },
  containerUpgrades,
);

const processId = object<ProcessId>(() => ({ pid: number, startTicks: number, bootId: text }));

export const connected = object<Connected>(() => ({
  endpoints: list(
    object<Endpoint>(() => ({
      network: text,
      networkId: text,
      bridge: text,
      parent: optional(parentCheck),
      device: text,
      veth: text,
      mac: text,
      mtu: optional(number),
      addresses: texts,
      gateways: texts,
      direct: optional(list(number)),
      links: optional(links),
      gwPriority: optional(number),
      metric: optional(number),
      linkLocalIps: optional(texts),
      sysctls: optional(map(text)),
    })),
  ),
  publications: list(
    object<Publication>(() => ({ protocol, hostIp: text, hostPort: number, ip: text, port: number, bridge: text })),
  ),
  ports: list(object<PublishedPort>(() => ({ protocol, hostIp: text, hostPort: number, port: number }))),
}));

const usage = object<Usage>(() => ({
  wallMs: number,
  cpuMs: optional(number),
  memoryPeakBytes: optional(number),
  largestProcessBytes: optional(number),
  readBytes: optional(number),
  writtenBytes: optional(number),
}));

/** state.json */
export const stateKind = kindOf<ContainerState>(
  {
    status: oneOf("created", "running", "restarting", "exited"),
    process: optional(processId),
    cgroup: optional(text),
    started: optional(time),
    finished: optional(time),
    exitCode: optional(number),
    oomKilled: optional(flag),
    error: optional(text),
    restartCount: number,
    restartDelayMs: optional(number),
    monitor: optional(processId),
    usage: optional(usage),
    health: optional(
      object<Health>(() => ({
        status: oneOf("starting", "healthy", "unhealthy"),
        failingStreak: number,
        log: list(object<HealthResult>(() => ({ start: time, end: time, exitCode: number, output: text }))),
      })),
    ),
    network: optional(connected),
  },
  {
    ...stateUpgrades,
    together: ({ status, process }) => (status === "running" && !process ? ".process is missing" : undefined),
  },
);
