/** The plan of one container: its spec and what the host has, in; every step of both processes, out. Pure. */

import { UnsupportedError } from "../errors.ts";
import type { Linux, Namespace, NamespaceType, Rlimit, Spec } from "../oci/spec.ts";
import { planCgroup, type Setting } from "./cgroup.ts";
import { type DeviceFilterPlan, planDeviceFilter } from "./device-filter.ts";
import { planMounts, planPrepared, planRoot } from "./mounts.ts";
import { type Connection, connectedOf, type EtcFile } from "./network.ts";
import type { SecretVariable } from "./secrets.ts";
import type { CloneStep, Directory, HostStep, InitStep, LimitStep, Plan, StdioKind } from "./step.ts";
import { planSysctls } from "./sysctl.ts";
import { userOf } from "./user.ts";
import type { IdMaps } from "./userns/id-map.ts";

/** What the plan has to know of the host. */
export interface Host {
  /** Absent where cgroup v2 is not mounted. */
  cgroup2?: { mountPoint: string; controllers: string[] };
}

/** What the spec does not say about this container. */
export interface Container {
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
  /** It lives on when its monitor is killed. */
  outlives: boolean;
  /** Limits that few ask for (plan/rare-limits.ts). */
  rareLimits?: Setting[];
  /** Limits that the user named; others are defaults, which a host may lack. */
  asked: Set<Setting["controller"]>;
  /** The user named rules for devices, which the host has to enforce. */
  askedDevices?: boolean;
  /** A small init as process 1. */
  reap: boolean;
  /** What the program gets as 0, 1 and 2. */
  stdio: StdioKind[];
  /** Its networks. */
  connection?: Connection;
  /** What it finds in /etc. */
  etc?: EtcFile[];
  /** Where its root may be mounted on the host already (`mount`). */
  mounted?: string;
  /** Files that mark the ids of its user namespace as used (runtime/userns/ranges.ts). */
  ids?: string[];
  /** Hard limits of ours: those above are raised before its user namespace is entered. */
  hardLimits?: Record<string, number>;
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

export function planClone(
  spec: Spec,
  cgroup: string | undefined,
  container: Pick<Container, "hardLimits"> = {},
): CloneStep {
  const pid = namespaceOf(spec, "pid");
  // The kernel ends all processes of a pid namespace with its first; where that is another's, only the cgroup tells which are ours.
  if (cgroup === undefined && (!pid || pid.path !== undefined))
    throw new UnsupportedError(
      "--pid needs cgroup v2, to end all that a container has started, and it is not mounted here",
      "mount it, or boot with systemd.unified_cgroup_hierarchy=1",
    );
  return {
    do: "clone",
    flags: pid && pid.path === undefined ? ["NEWPID"] : [],
    ...(cgroup !== undefined && { cgroup }),
    ...(pid?.path !== undefined && { pid: pid.path }),
    ...(idMapsOf(spec) && { through: planThrough(spec, container) }),
  };
}

/** Maps of its user namespace; undefined where it has the host's. */
const idMapsOf = ({ linux: { uidMappings: uids, gidMappings: gids } }: Spec): IdMaps | undefined =>
  uids && gids && { uids, gids };

/** What takes root of the host, then into the user namespace: a process that is there makes the container's first. */
const planThrough = (spec: Spec, { hardLimits = {} }: Pick<Container, "hardLimits">): InitStep[] => [
  ...own,
  ...attributes(spec),
  ...planRaised(spec.process.rlimits, hardLimits),
  ...planJoin(spec, "pid", "asked for: the processes of another container"),
  { do: "enter-user-namespace" },
  { do: "namespace-root" },
];

/** Loaded for those that have a user namespace. */
const planRaised = (rlimits: Rlimit[] | undefined, hardLimits: Record<string, number>): InitStep[] =>
  (require("./userns/limits.ts") as typeof import("./userns/limits.ts")).planRaised(rlimits, hardLimits);

/** What to say of controllers that this host lacks. */
export function lackOf(controllers: string[], host: Host): [message: string, hint: string] {
  const names = controllers.join(", ");
  const missing = `cannot limit ${names}: this host has no cgroup v2 controller ${names}`;
  if (!host.cgroup2)
    return [`${missing} (cgroup v2 is not mounted)`, "mount it, or boot with systemd.unified_cgroup_hierarchy=1"];
  const where = host.cgroup2.mountPoint.endsWith("/unified") ? " (hybrid mode: cgroup v1 holds them)" : "";
  return [missing + where, "boot with systemd.unified_cgroup_hierarchy=1, or ask for no limit (0)"];
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

/** A setting in the directory of a cgroup. */
export const limitStep = (cgroup: string, { file, value, why, or, optional, summed }: Setting): LimitStep => ({
  do: "limit",
  file: `${cgroup}/${file}`,
  value,
  why,
  ...(or && { or: { ...or, file: `${cgroup}/${or.file}` } }),
  ...(optional && { optional }),
  ...(summed && { summed }),
});

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
    ...(cgroup === undefined ? [] : [{ do: "cgroup", path: cgroup } as const]),
    ...devices.build,
    ...(ids ? [{ do: "user-namespace", ...(path !== undefined && { path }), ...ids } as const] : []),
    ...container.volumes.filter((step) => step.do === "mount-volume"),
    { ...planRoot(spec), ...(container.mounted !== undefined && { mounted: container.mounted }) },
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

/** Its own, or with a path another's; none where it has the host's. */
const namespaceOf = ({ linux }: Spec, type: NamespaceType): Namespace | undefined =>
  linux.namespaces.find((namespace) => namespace.type === type);

/** Up to the moment when only the program is missing. */
export function planSetup(spec: Spec, container: Pick<Container, "stdio">): InitStep[] {
  const size = spec.process.consoleSize;
  return [
    ...first(spec),
    ...planNamespaces(spec),
    ...(spec.hostname ? [{ do: "hostname", name: spec.hostname } as const] : []),
    ...(spec.domainname ? [{ do: "domainname", name: spec.domainname } as const] : []),
    ...planMounts(spec),
    // The terminal is opened from the container's own devpts, before the host's tree goes.
    ...(spec.process.terminal
      ? [{ do: "console", ...(size && { rows: size.height, columns: size.width }) } as const]
      : []),
    { do: "stdio", stdio: container.stdio },
    ...(spec.hooks ? rareProcess().planHooks(spec.hooks) : []),
    { do: "pivot-root" },
    { do: "workdir", path: spec.process.cwd },
    { do: "ready" },
  ];
}

/** With nothing of ours, and of whoever called us. */
const own = [
  { do: "own-memory" },
  { do: "close-inherited" },
  { do: "bind-to-parent" },
  { do: "exe-file" },
] as const satisfies InitStep[];

const attributes = ({ process }: Spec): InitStep[] => [
  { do: "reset-attributes", ...(process.oomScoreAdj !== undefined && { oomScoreAdj: process.oomScoreAdj }) },
  ...(process.apparmorProfile || process.selinuxLabel ? rareProcess().planLabels(process) : []),
];

/** What comes before anything of the container is touched. One that is made in its user namespace has inherited most of it. */
const first = (spec: Spec): InitStep[] => [
  ...(idMapsOf(spec) ? ([{ do: "bind-to-parent" }] as const) : [...own, ...attributes(spec)]),
  { do: "session" },
  { do: "session-keyring" },
];

/** One that only bundles of other engines have. */
const isRare = ({ type, path }: Namespace): boolean =>
  type === "time" || (path !== undefined && (type === "uts" || type === "cgroup" || type === "mount"));

/** Loaded for those who have some. */
const rareNamespaces = () => require("./rare/namespaces.ts") as typeof import("./rare/namespaces.ts");
const rareProcess = () => require("./rare/process.ts") as typeof import("./rare/process.ts");

const unshared = [
  ["mount", "NEWNS", "mounts of its own"],
  ["uts", "NEWUTS", "a host name of its own"],
  ["ipc", "NEWIPC", "shared memory, semaphores and message queues of its own"],
  ["cgroup", "NEWCGROUP", "the container sees its own cgroup as the root"],
] as const;

/** The network first: the host's side connects it while the rest is built. */
function planNamespaces(spec: Spec): InitStep[] {
  return [
    ...planNetwork(spec),
    ...unshared.flatMap(([type, namespace, why]): InitStep[] => {
      const own = namespaceOf(spec, type);
      return own && own.path === undefined ? [{ do: "unshare", namespace, why }] : [];
    }),
    ...planJoin(spec, "ipc", "asked for: the shared memory, semaphores and message queues of another container"),
    ...(spec.linux.namespaces.some(isRare) ? rareNamespaces().planRareNamespaces(spec.linux) : []),
    // Slave, not private: mounts the host makes later (an automount, a USB disk) still reach bind mounts that ask for it.
    { do: "propagation", path: "/", propagation: "rslave" },
  ];
}

function planNetwork(spec: Spec): InitStep[] {
  const network = namespaceOf(spec, "network");
  if (!network) return [];
  if (network.path !== undefined)
    return planJoin(spec, "network", "asked for: the devices, addresses and ports of another container");
  return [
    { do: "unshare", namespace: "NEWNET", why: "network devices, addresses and ports of its own" },
    { do: "loopback" },
    { do: "send-network" },
  ];
}

function planJoin(spec: Spec, namespace: "network" | "ipc" | "pid", why: string): InitStep[] {
  const path = namespaceOf(spec, namespace)?.path;
  return path === undefined ? [] : [{ do: "join-namespace", namespace, path, why }];
}

/** What the user has mounted at such a place is the user's. */
function planEtc({ mounts }: Spec, { etc = [] }: Container): HostStep[] {
  const files = etc.filter(({ name }) => !mounts.some(({ destination }) => destination === `/etc/${name}`));
  return files.length > 0 ? [{ do: "etc-files", files }] : [];
}

/** True if its first process is not process 1. */
export function sharesPid(spec: Spec): boolean {
  const pid = namespaceOf(spec, "pid");
  return !pid || pid.path !== undefined;
}

const defaultUmask = 0o022;

/** A process that is about to become a program. */
interface Starting {
  process: Spec["process"];
  linux?: Pick<Linux, "personality" | "memoryPolicy" | "seccomp">;
  /** The container's bounding set: all its processes have the same filter, whatever their own. */
  bounding?: string[];
}

/** From the host's go to execve. The order matters: each step needs a privilege that a later one gives up. */
export function planStart(
  { process, linux = {}, bounding = process.capabilities?.bounding ?? [] }: Starting,
  container: Pick<Container, "outlives" | "reap">,
  sharesPid = false,
): InitStep[] {
  const { capabilities, rlimits = [], noNewPrivileges, args, env } = process;
  // Whoever may gain privileges needs one to load a filter.
  const untilExecve = linux.seccomp && !noNewPrivileges && ({ untilExecve: "CAP_SYS_ADMIN" } as const);
  return [
    { do: "umask", mask: process.user.umask ?? defaultUmask },
    ...(process.scheduler || process.ioPriority || linux.memoryPolicy || linux.personality
      ? rareProcess().planRareProcess(process, linux)
      : []),
    ...rlimits.map((rlimit): InitStep => ({ do: "rlimit", rlimit })),
    ...(capabilities ? [{ do: "bounding-set", keep: capabilities.bounding } as const] : []),
    { do: "ids" },
    ...(capabilities ? [{ do: "capabilities", capabilities, ...untilExecve } as const] : []),
    ...(container.outlives ? [{ do: "outlive" } as const] : []),
    ...(container.reap && sharesPid ? [{ do: "subreaper" } as const] : []),
    { do: "close-fds" },
    // The small init keeps its signals blocked, and starts the program with none.
    ...(container.reap ? [] : [{ do: "reset-signals" } as const]),
    ...(noNewPrivileges ? [{ do: "no-new-privileges" } as const] : []),
    // Last, so that a profile need not allow what init does.
    ...(linux.seccomp ? [filterStep(linux.seccomp, bounding, container)] : []),
    { do: container.reap ? "reap" : "execute", args, env },
  ];
}

const filterStep = (
  rules: NonNullable<Linux["seccomp"]>,
  capabilities: string[],
  { reap }: Pick<Container, "reap">,
): InitStep => ({ do: "seccomp", rules, capabilities, ...(reap && { reap }) });
