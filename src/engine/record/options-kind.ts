/** How the options of a run are read: the tables of `options` in container.json. */

import type { IdMapping } from "../../oci/rare.ts";
import type { DeviceOptions, DeviceRequest, GpuRequest } from "../../plan/device-options.ts";
import type { MountRequest } from "../../plan/mounts.ts";
import type { ExtraHost } from "../../plan/network/hosts.ts";
import type { NetworkOptions, NetworkRequest } from "../../plan/network/options.ts";
import type { ExposedPort, PortRange, PortRequest } from "../../plan/network/publish.ts";
import type { DnsOptions } from "../../plan/network/resolv-conf.ts";
import type { AssumedLimits, RunOptions } from "../../plan/options.ts";
import type { IpcMode, ProcessOptions, SharedNamespace, Ulimit } from "../../plan/process-options.ts";
import type { DeviceFigure, ResourceOptions } from "../../plan/resource-options.ts";
import type { SecretRequest } from "../../plan/secrets.ts";
import type { SecurityOptions } from "../../plan/security-options.ts";
import type { UserNamespace } from "../../plan/userns/spec.ts";
import { type Check, flag, list, map, number, object, oneOf, optional, text } from "../../schema.ts";
import { links, protocol } from "./network-kind.ts";

const texts = list(text);

const mount = object<MountRequest>(() => ({
  destination: text,
  type: optional(text),
  source: optional(text),
  options: optional(texts),
  volume: optional(object<NonNullable<MountRequest["volume"]>>(() => ({ labels: map(text), options: map(text) }))),
}));

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
  landlock: optional(text),
  labelDisabled: optional(flag),
  labels: optional(texts),
  systemPathsUnconfined: optional(flag),
  mask: optional(texts),
  unmask: optional(texts),
}));

export const options = object<RunOptions>(() => ({
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
