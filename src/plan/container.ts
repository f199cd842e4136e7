/** The plan of one container: its spec and what the host has, in; every step of both processes, out. Pure. */

import { UnsupportedError } from "../errors.ts";
import type { Spec } from "../oci/spec.ts";
import { type Host, lackOf, limitStep, planCgroup, type Setting } from "./cgroup.ts";
import { type DeviceFilterPlan, planDeviceFilter } from "./device-filter.ts";
import type { Directory, HostStep } from "./host-step.ts";
import {
  type InitOptions,
  idMapsOf,
  namespaceOf,
  planClone,
  planOwner,
  planSetup,
  planStart,
  sharesPid,
} from "./init.ts";
import { planPrepared, planRoot } from "./mounts.ts";
import { type Connection, connectedOf, type EtcFile } from "./network/network.ts";
import type { SecretVariable } from "./secrets.ts";
import type { Plan } from "./step.ts";
import { planSysctls } from "./sysctl.ts";
import { userOf } from "./user.ts";

/** What the spec does not say about this container. */
export interface Container extends InitOptions {
  id: string;
  name: string;
  /** The file that makes the name ours; absent for a name that is the beginning of the id. */
  namePath?: string;
  /** Locked while the container has a monitor. */
  running: string;
  directory: string;
  /** Directories the container needs below its own, parents first. */
  directories: Directory[];
  /** What it may write to its root. */
  quota?: { project: number; bytes: number };
  /** The volumes it uses. */
  volumes: Extract<HostStep, { do: "volume" | "mount-volume" }>[];
  /** Leave its directory when it ends (no --rm). */
  keep: boolean;
  /** Its name and directories are made by this start; else it was created before. */
  fresh: boolean;
  /** Limits that few ask for (plan/rare-limits.ts). */
  rareLimits?: Setting[];
  /** Limits that the user named; others are defaults, which a host may lack. */
  asked: Set<Setting["controller"]>;
  /** The user named rules for devices, which the host has to enforce. */
  askedDevices?: boolean;
  /** What the kernel has to have before its process is made: a profile of AppArmor. */
  load?: HostStep;
  /** Its networks. */
  connection?: Connection;
  /** What it finds in /etc. */
  etc?: EtcFile[];
  /** Where its root may be mounted on the host already (`mount`). */
  mounted?: string;
  /** Files that mark the ids of its user namespace as used (runtime/userns/ranges.ts). */
  ids?: string[];
  /** What becomes its own copies, in their order; and which of those are variables. */
  secrets?: { directory: string; sources: string[]; variables: SecretVariable[] };
}

/** @throws UnsupportedError for a limit that was asked for and this host can't enforce. */
export function planContainer(spec: Spec, container: Container, host: Host): Plan {
  const { rareLimits = [] } = container;
  const wanted = [...planCgroup(spec.linux.resources ?? {}), ...rareLimits];
  const available = new Set(host.cgroup2?.controllers);
  const settings = wanted.filter(({ controller }) => available.has(controller));
  const lacking = new Set(wanted.filter((setting) => !settings.includes(setting)).map(({ controller }) => controller));
  for (const controller of lacking) {
    if (container.asked.has(controller)) throw new UnsupportedError(...lackOf([controller], host));
  }
  const cgroup = host.cgroup2 && spec.linux.cgroupsPath ? host.cgroup2.mountPoint + spec.linux.cgroupsPath : undefined;
  const devices = planDeviceFilter(spec, container.askedDevices, cgroup);
  return {
    id: container.id,
    reserve: container.connection?.reserve ?? [],
    prepare: planPrepare(container, cgroup),
    build: planBuild(spec, container, cgroup, devices),
    clone: planClone(spec, cgroup, container),
    setup: planSetup(spec, container),
    record: [{ do: "write-file", path: `${container.directory}/config.json`, text: JSON.stringify(spec) }],
    connect: container.connection?.connect ?? [],
    release: [...devices.release, ...planRelease(cgroup, settings, host)],
    start: [...planSysctls(spec, { late: true }), ...planStart(spec, container, sharesPid(spec))],
    ...(spec.hooks && { hooks: { spec, bundle: container.directory } }),
    warnings: [...planWarnings(lacking, host), ...devices.warnings],
  };
}

/** Of the number of processes nobody is told: there is a limit for the host's sake, which Docker has not got at all. */
function planWarnings(lacking: Set<string>, host: Host): string[] {
  const promised = [...lacking].filter((controller) => controller !== "pids");
  return promised.length > 0 ? [`default limits are off: ${lackOf([...lacking], host)[0]}`] : [];
}

function planPrepare(container: Container, cgroup: string | undefined): HostStep[] {
  const { id, name, namePath, running, directory, volumes, keep, fresh, outlives, secrets, ids } = container;
  const anonymous = volumes.flatMap((step) => (step.do === "volume" && step.anonymous ? [step.name] : []));
  const paths = { directory, ...(namePath && { namePath }), ...(ids && { ids }) };
  const lockFile: HostStep = {
    do: "lock-file",
    running,
    cleanup: {
      id,
      ...paths,
      keep,
      outlives,
      ...(cgroup && { cgroup }),
      ...(anonymous.length > 0 && { volumes: anonymous }),
      ...(container.connection && { network: connectedOf(container.connection) }),
    },
  };
  const owners = { containers: above(directory), running: above(running) };
  if (!fresh) return [lockFile, ...(keep ? [] : [{ do: "remove", ...paths } as const])];
  return [
    lockFile,
    ...(namePath ? [{ do: "take-name", name, path: namePath, id, owners, keep } as const] : []),
    ...(ids ? [{ do: "hold-ids", id, paths: ids, keep } as const] : []),
    { do: "directories", directories: [{ path: directory, mode: 0o700 }, ...container.directories], keep },
    ...planQuota(container),
    ...(secrets ? [{ do: "copy-secrets", directory: secrets.directory, sources: secrets.sources } as const] : []),
    ...volumes.filter((step) => step.do === "volume"),
  ];
}

const above = (path: string): string => path.slice(0, path.lastIndexOf("/"));

function planQuota({ quota, directories, keep }: Container): HostStep[] {
  return quota ? [{ do: "quota", paths: directories.map(({ path }) => path), ...quota, keep }] : [];
}

const accounted = ["cpu", "memory", "pids", "io"];

/** The limits, when nothing is missing but them. Usage is counted, and seen inside, also where nothing is limited. */
function planRelease(cgroup: string | undefined, settings: Setting[], host: Host): HostStep[] {
  const wanted = new Set([...accounted, ...settings.map(({ controller }) => controller)]);
  const controllers = [...wanted].filter((name) => host.cgroup2?.controllers.includes(name));
  if (!cgroup || controllers.length === 0) return [];
  return [{ do: "delegate", cgroup, controllers }, ...settings.map((setting) => limitStep(cgroup, setting))];
}

/** The root and what goes into it, as far as the host's side can make it: detached mounts, and users by their numbers. */
function planBuild(
  spec: Spec,
  container: Container,
  cgroup: string | undefined,
  devices: DeviceFilterPlan,
): HostStep[] {
  const variables = container.secrets?.variables;
  const ids = idMapsOf(spec);
  const path = namespaceOf(spec, "user")?.path;
  return [
    ...(container.load ? [container.load] : []),
    ...(cgroup === undefined ? [] : [{ do: "cgroup", path: cgroup, ...planOwner(spec) } as const]),
    ...devices.build,
    ...(ids ? [{ do: "user-namespace", ...(path !== undefined && { path }), ...ids } as const] : []),
    ...container.volumes.filter((step) => step.do === "mount-volume"),
    {
      ...planRoot(spec),
      ...(container.mounted !== undefined && { mounted: container.mounted }),
      ...(ids && { idmapped: true }),
    },
    ...planEtc(spec, container),
    { do: "user", user: userOf(spec) },
    ...(variables?.length ? [{ do: "secret-variables", variables } as const] : []),
    ...planPrepared(spec),
    ...(ids && spec.linux.maskedPaths?.length ? [{ do: "make-masks" } as const] : []),
    ...spec.linux.namespaces.flatMap(({ type, path }): HostStep[] =>
      path === undefined || type === "user" ? [] : [{ do: "open-namespace", namespace: type, path }],
    ),
  ];
}

/** What the user has mounted at such a place is the user's. */
function planEtc({ mounts }: Spec, { etc = [] }: Container): HostStep[] {
  const files = etc.filter(({ name }) => !mounts.some(({ destination }) => destination === `/etc/${name}`));
  return files.length > 0 ? [{ do: "etc-files", files }] : [];
}
