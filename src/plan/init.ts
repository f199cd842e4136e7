/** The plan of the first process of a container, from its clone to its execve. Pure; its order matters. */

import { UnsupportedError } from "../errors.ts";
import type { Linux, Namespace, NamespaceType, Spec } from "../oci/spec.ts";
import type { InitStep, StdioKind } from "./init-step.ts";
import type { Place } from "./rare/listener.ts";
import type { CloneStep } from "./step.ts";
import type { IdMaps } from "./userns/id-map.ts";

/** What the first process has to know of its container, beyond the spec. */
export interface InitOptions {
  /** It lives on when its monitor is killed. */
  outlives: boolean;
  /** A small init as process 1. */
  reap: boolean;
  /** What the program gets as 0, 1 and 2. */
  stdio: StdioKind[];
  /** Hard limits of ours: those above are raised before its user namespace is entered. */
  hardLimits?: Record<string, number>;
}

/**
 * The call that makes it. @param cgroup its cgroup v2 directory, if it has one.
 * @throws UnsupportedError where nothing would tell which processes are its own.
 */
export function planClone(
  spec: Spec,
  cgroup: string | undefined,
  container: Pick<InitOptions, "hardLimits"> = {},
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
export const idMapsOf = ({ linux: { uidMappings: uids, gidMappings: gids } }: Spec): IdMaps | undefined =>
  uids && gids && { uids, gids };

/** Of its cgroup, for those that have a user namespace. */
export function planOwner(spec: Spec): { owner?: { uid: number; gid: number } } {
  const ids = idMapsOf(spec);
  if (!ids) return {};
  const { ownerOfCgroup } = require("./userns/mounts.ts") as typeof import("./userns/mounts.ts");
  const owner = ownerOfCgroup(spec, ids);
  return owner ? { owner } : {};
}

/** What takes root of the host, then into the user namespace: a process that is there makes the container's first. */
const planThrough = (spec: Spec, { hardLimits = {} }: Pick<InitOptions, "hardLimits">): InitStep[] => [
  ...own,
  ...attributes(spec),
  ...raising().planRaised(spec.process.rlimits, hardLimits),
  ...planJoin(spec, "pid", "asked for: the processes of another container"),
  ...(namespaceOf(spec, "time") ? rareNamespaces().planClocks(spec.linux) : []),
  { do: "enter-user-namespace" },
  { do: "namespace-root" },
];

/** Loaded for those that have a user namespace. */
const raising = () => require("./userns/limits.ts") as typeof import("./userns/limits.ts");

/** Its own, or with a path another's; none where it has the host's. */
export const namespaceOf = ({ linux }: Spec, type: NamespaceType): Namespace | undefined =>
  linux.namespaces.find((namespace) => namespace.type === type);

/** Up to the moment when only the program is missing. */
export function planSetup(spec: Spec, container: Pick<InitOptions, "stdio">): InitStep[] {
  const size = spec.process.consoleSize;
  return [
    ...first(spec),
    ...planNamespaces(spec),
    ...(spec.hostname ? [{ do: "hostname", name: spec.hostname } as const] : []),
    ...(spec.domainname ? [{ do: "domainname", name: spec.domainname } as const] : []),
    ...mounts().planMounts(spec),
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

/** Not loaded for who joins a container. */
const mounts = () => require("./mounts.ts") as typeof import("./mounts.ts");

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

/** True if its first process is not process 1. */
export function sharesPid(spec: Spec): boolean {
  const pid = namespaceOf(spec, "pid");
  return !pid || pid.path !== undefined;
}

const defaultUmask = 0o022;

/** A process that is about to become a program. */
interface Starting {
  process: Spec["process"];
  linux?: Pick<Linux, "personality" | "memoryPolicy" | "seccomp" | "landlock">;
  annotations?: Spec["annotations"] | undefined;
  /** The container's bounding set: all its processes have the same filter, whatever their own. */
  bounding?: string[];
}

/** From the host's go to execve. The order matters: each step needs a privilege that a later one gives up. */
export function planStart(
  { process, linux = {}, bounding = process.capabilities?.bounding ?? [], annotations }: Starting,
  container: Pick<InitOptions, "outlives" | "reap"> & Place,
  sharesPid = false,
): InitStep[] {
  const { capabilities, rlimits = [], noNewPrivileges, args, env } = process;
  // Whoever may gain privileges needs one to load a filter, or rules.
  const untilExecve =
    (linux.seccomp || linux.landlock) && !noNewPrivileges && ({ untilExecve: "CAP_SYS_ADMIN" } as const);
  return [
    { do: "umask", mask: process.user.umask ?? defaultUmask },
    ...(process.scheduler || process.ioPriority || linux.memoryPolicy || linux.personality
      ? rareProcess().planRareProcess(process, linux)
      : []),
    ...rlimits.map((rlimit): InitStep => ({ do: "rlimit", rlimit })),
    ...(capabilities ? [{ do: "bounding-set", keep: capabilities.bounding } as const] : []),
    ...(linux.landlock ? [{ do: "landlock-rules", rules: linux.landlock } as const] : []),
    { do: "ids" },
    ...(capabilities ? [{ do: "capabilities", capabilities, ...untilExecve } as const] : []),
    ...(container.outlives ? [{ do: "outlive" } as const] : []),
    ...(container.reap && sharesPid ? [{ do: "subreaper" } as const] : []),
    { do: "close-fds" },
    // The small init keeps its signals blocked, and starts the program with none.
    ...(container.reap ? [] : [{ do: "reset-signals" } as const]),
    ...(noNewPrivileges ? [{ do: "no-new-privileges" } as const] : []),
    ...(linux.landlock ? [{ do: "landlock" } as const] : []),
    // Last, so that a profile need not allow what init does.
    ...(linux.seccomp ? [filterStep(linux.seccomp, bounding, container, annotations)] : []),
    { do: container.reap ? "reap" : "execute", args, env },
  ];
}

function filterStep(
  rules: NonNullable<Linux["seccomp"]>,
  capabilities: string[],
  container: Pick<InitOptions, "reap"> & Place,
  annotations: Spec["annotations"],
): InitStep {
  const { reap } = container;
  const listener = "listenerPath" in rules ? listeners().listenerOf(rules, container, annotations) : undefined;
  return { do: "seccomp", rules, capabilities, ...(reap && { reap }), ...(listener && { listener }) };
}

/** Loaded for those who ask somebody about calls. */
const listeners = () => require("./rare/listener.ts") as typeof import("./rare/listener.ts");
