/** The config.json of a container's bundle, as its last start has written it: the OCI specification says what is in it. */

import { NotFoundError } from "../../errors.ts";
import type {
  IdMapping,
  RareBlockIo,
  RareCpu,
  RareLinux,
  RareMemory,
  RareMount,
  RareProcess,
  RareResources,
  RareSpec,
} from "../../oci/rare.ts";
import type {
  BlockIo,
  BuiltinSeccomp,
  Capabilities,
  Cpu,
  Device,
  DeviceRate,
  DeviceWeight,
  Linux,
  Memory,
  Mount,
  Namespace,
  Process,
  Resources,
  Rlimit,
  Root,
  Spec,
  User,
} from "../../oci/spec.ts";
import type { Paths } from "../../paths.ts";
import { readRecordFile } from "../../record-file.ts";
import {
  type Check,
  damaged,
  flag,
  kindOf,
  list,
  map,
  number,
  object,
  oneOf,
  optional,
  parseRecord,
  text,
} from "../../schema.ts";
import { type ContainerRecord, directoryOf, isRecorded } from "./container.ts";

const texts = list(text);

/** Without the fields that no spec of ours has. */
type Ours<Type, Rare> = Omit<Type, keyof Rare>;

const process = object<Ours<Process, RareProcess>>(() => ({
  terminal: optional(flag),
  consoleSize: optional(object<NonNullable<Process["consoleSize"]>>(() => ({ height: number, width: number }))),
  user: object<User>(() => ({
    uid: number,
    gid: number,
    additionalGids: optional(list(number)),
    umask: optional(number),
    username: optional(text),
    groupNames: optional(texts),
  })),
  args: texts,
  env: texts,
  cwd: text,
  capabilities: optional(
    object<Capabilities>(() => ({
      bounding: texts,
      effective: texts,
      permitted: texts,
      inheritable: texts,
      ambient: texts,
      unlessRoot: optional(texts),
    })),
  ),
  rlimits: optional(list(object<Rlimit>(() => ({ type: text, soft: number, hard: number })))),
  noNewPrivileges: optional(flag),
  oomScoreAdj: optional(number),
}));

const deviceId = { major: number, minor: number };
const rates = optional(list(object<DeviceRate>(() => ({ ...deviceId, rate: number }))));

/** What is not ours may be anybody's rules: what is made of them says what is wrong. */
const seccomp: Check<NonNullable<Linux["seccomp"]>> = (value) => {
  if (typeof value === "object" && value !== null && "profile" in value) return builtin(value);
  const { seccomp: read } = require("../../oci/bundle/seccomp.ts") as typeof import("../../oci/bundle/seccomp.ts");
  try {
    read(value, "");
  } catch (error) {
    return ` ${(error as Error).message}`;
  }
  return undefined;
};
const builtin = object<BuiltinSeccomp>(() => ({ profile: oneOf("builtin") }));

const idMappings = optional(list(object<IdMapping>(() => ({ containerID: number, hostID: number, size: number }))));

const linux = object<Ours<Linux, Omit<RareLinux, "uidMappings" | "gidMappings">>>(() => ({
  namespaces: list(
    object<Namespace>(() => ({
      type: oneOf("pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time"),
      path: optional(text),
    })),
  ),
  devices: optional(
    list(
      object<Device>(() => ({
        type: oneOf("c", "b", "p"),
        path: text,
        major: number,
        minor: number,
        fileMode: number,
        uid: number,
        gid: number,
      })),
    ),
  ),
  cgroupsPath: optional(text),
  sysctl: optional(map(text)),
  resources: optional(
    object<Ours<Resources, RareResources>>(() => ({
      memory: optional(
        object<Ours<Memory, RareMemory>>(() => ({
          limit: optional(number),
          swap: optional(number),
          reservation: optional(number),
        })),
      ),
      cpu: optional(
        object<Ours<Cpu, RareCpu>>(() => ({
          quota: optional(number),
          period: optional(number),
          shares: optional(number),
          cpus: optional(text),
          mems: optional(text),
        })),
      ),
      pids: optional(object<NonNullable<Resources["pids"]>>(() => ({ limit: number }))),
      blockIO: optional(
        object<Ours<BlockIo, RareBlockIo>>(() => ({
          weight: optional(number),
          weightDevice: optional(
            list(object<Omit<DeviceWeight, "leafWeight">>(() => ({ ...deviceId, weight: optional(number) }))),
          ),
          throttleReadBpsDevice: rates,
          throttleWriteBpsDevice: rates,
          throttleReadIOPSDevice: rates,
          throttleWriteIOPSDevice: rates,
        })),
      ),
    })),
  ),
  seccomp: optional(seccomp),
  uidMappings: idMappings,
  gidMappings: idMappings,
  maskedPaths: optional(texts),
  readonlyPaths: optional(texts),
  rootfsPropagation: optional(text),
}));

/** Its schema is the specification's: what begins with another number may mean something else by the same names. */
const version1: Check<string> = (value) =>
  typeof value === "string" && value.startsWith("1.") ? undefined : " is none that this tinydocker knows (1.x)";

const specKind = kindOf<Ours<Spec, RareSpec>>({
  ociVersion: version1,
  root: object<Root>(() => ({ path: text, readonly: optional(flag) })),
  process,
  hostname: optional(text),
  domainname: optional(text),
  mounts: list(
    object<Ours<Mount, RareMount>>(() => ({
      destination: text,
      type: optional(text),
      source: optional(text),
      options: optional(texts),
    })),
  ),
  linux,
  annotations: optional(map(text)),
});

/** @throws DamagedError */
export function readSpec(paths: Paths, { id, name }: ContainerRecord): Spec {
  const content = readRecordFile(`${directoryOf(paths, id)}/config.json`);
  if (content === undefined && !isRecorded(paths, id)) throw new NotFoundError(`no such container: ${name}`);
  const { value, damage } = parseRecord(specKind, content, "config.json");
  if (value) return value;
  throw damaged(`container ${name}`, damage, `its next start writes that anew: tinydocker restart ${name}`);
}
