/** What `--pid`, `--ulimit`, `--sysctl` and the like change in the spec of a container. Loaded for those that ask. Pure. */

import { UsageError } from "../errors.ts";
import type { Mount, Namespace, NamespaceType, Spec } from "../oci/spec.ts";
import type { RunOptions } from "./options.ts";
import { containerOf, type ProcessOptions } from "./process-options.ts";
import { mountNamespaceOption } from "./rare/mount-options.ts";
import { sysctlName } from "./sysctl.ts";
import { applyUlimits, type UlimitFacts } from "./ulimit.ts";

/** What has to be known of the host. */
export interface ProcessFacts extends UlimitFacts {
  /** File of the time zone that was asked for. */
  zone?: string;
}

/** Namespaces of other containers, as somebody can open them: pid, ipc, the mounts where its /dev/shm is, and user. */
export interface SharedPaths {
  pid?: string;
  ipc?: string;
  ipcMounts?: string;
  user?: string;
}

/** @param spec of what everybody has. @param shared none where it is not started yet. */
export function planProcess(spec: Spec, options: RunOptions, facts: ProcessFacts, shared: SharedPaths = {}): Spec {
  const asked = options.process ?? {};
  const { user, rlimits = [] } = spec.process;
  const { hostname, ...nameless } = spec;
  return {
    ...nameless,
    // Whoever has the host's uts namespace does not change its name.
    ...(hostname !== undefined && asked.uts !== "host" && { hostname }),
    ...(asked.domainname !== undefined && { domainname: asked.domainname }),
    process: {
      ...spec.process,
      user: {
        ...user,
        ...(asked.groups && { groupNames: asked.groups }),
        ...(asked.umask !== undefined && { umask: asked.umask }),
      },
      rlimits: applyUlimits(rlimits, asked.ulimits ?? [], facts),
      ...(asked.oomScoreAdj !== undefined && { oomScoreAdj: asked.oomScoreAdj }),
    },
    mounts: planMounts(spec.mounts, options, asked, facts, shared),
    linux: {
      ...spec.linux,
      namespaces: planNamespaces(spec.linux.namespaces, asked, shared),
      ...(asked.sysctls && { sysctl: { ...spec.linux.sysctl, ...named(asked.sysctls) } }),
    },
    ...(asked.annotations && { annotations: { ...asked.annotations, ...spec.annotations } }),
  };
}

/** As the specification has them. */
const named = (sysctls: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(sysctls).map(([name, value]) => [sysctlName(name), value]));

function planNamespaces(
  all: Namespace[],
  { pid, ipc, uts, cgroupns }: ProcessOptions,
  shared: SharedPaths,
): Namespace[] {
  const modes: Partial<Record<NamespaceType, string | undefined>> = { pid, ipc, uts, cgroup: cgroupns };
  return all.flatMap((namespace): Namespace[] => {
    const mode = modes[namespace.type];
    if (mode === "host") return [];
    if (containerOf(mode) === undefined) return [namespace];
    return [{ ...namespace, path: shared[namespace.type as "pid" | "ipc"] ?? `/proc/PID/ns/${namespace.type}` }];
  });
}

const shm = "/dev/shm";
const hardened = ["nosuid", "noexec", "nodev"];

/** /dev/shm is where the memory of an ipc namespace is shared by names, and goes with it. */
function planMounts(
  mounts: Mount[],
  { mounts: given }: RunOptions,
  { ipc, timezone, shmBytes }: ProcessOptions,
  { zone }: ProcessFacts,
  { ipcMounts }: SharedPaths,
): Mount[] {
  const isGiven = (path: string) => given.some(({ destination }) => destination === path);
  if (shmBytes !== undefined && isGiven(shm))
    throw new UsageError(`--shm-size and a mount on ${shm} cannot be combined`);
  if (timezone !== undefined && isGiven(localtime))
    throw new UsageError(`--tz and a mount on ${localtime} cannot be combined`);
  const other = containerOf(ipc) !== undefined;
  const bound: Mount = {
    destination: shm,
    type: "bind",
    source: shm,
    options: ["bind", ...hardened, ...(other ? [`${mountNamespaceOption}=${ipcMounts ?? "/proc/PID/ns/mnt"}`] : [])],
  };
  const own = mounts.flatMap((mount): Mount[] => {
    if (mount.destination !== shm || isGiven(shm)) return [mount];
    if (ipc === "none") return [];
    return ipc === "host" || other ? [bound] : [mount];
  });
  if (zone === undefined) return own;
  return [...own, { destination: localtime, type: "bind", source: zone, options: ["bind", "ro", ...hardened] }];
}

const localtime = "/etc/localtime";
