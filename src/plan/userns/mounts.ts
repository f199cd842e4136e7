/** The mounts of a container with a user namespace: what its root may not mount the host's side makes. Pure. */

import type { Device, Mount, NamespaceType, Spec } from "../../oci/spec.ts";
import { callerOption } from "../rare/mount-options.ts";
import type { IdMaps } from "./id-map.ts";
import { rootOf } from "./spec.ts";
import type { MappedHostStep } from "./step.ts";

/** File systems that show a namespace, which only its owner may mount. */
const viewsOf: Record<string, NamespaceType> = {
  proc: "pid",
  sysfs: "network",
  mqueue: "ipc",
  cgroup2: "cgroup",
};

const isDev = ({ destination, type }: Mount): boolean => destination === "/dev" && type === "tmpfs";

/** True for what its own root has no right to: devices, and views of namespaces that are the host's. */
export function isOfHost(mount: Mount, { linux: { namespaces } }: Spec): boolean {
  const view = viewsOf[mount.type ?? ""];
  return isDev(mount) || (view !== undefined && !namespaces.some(({ type }) => type === view));
}

/** As a step of the host's side. */
export function planFileSystem(mount: Mount, spec: Spec): Extract<MappedHostStep, { do: "file-system" }> {
  const { type = "none", source = type, destination: target, options = [] } = mount;
  const devices = isDev(mount) ? (spec.linux.devices ?? []).filter((device) => liesOnDev(device, spec)) : [];
  return { do: "file-system", type, source, target, options, devices };
}

/**
 * Whose the container's cgroup is, as the host calls them, where it is shown as one to write to: its root, as without a user
 * namespace. Its limits stay the host's root's.
 */
export function ownerOfCgroup({ mounts, linux }: Spec, ids: IdMaps): { uid: number; gid: number } | undefined {
  const shown = mounts.find(({ type }) => type === "cgroup2" || type === "cgroup");
  const isOwn = linux.namespaces.some(({ type, path }) => type === "cgroup" && path === undefined);
  return isOwn && shown && !shown.options?.includes("ro") ? rootOf(ids) : undefined;
}

/** A device that is made in /dev itself, and not in what lies over a part of it. */
export const liesOnDev = ({ path }: Device, { mounts }: Spec): boolean =>
  mounts.findLast(({ destination }) => path.startsWith(`${destination}/`))?.destination === "/dev";

/** Who the files of a bind mount belong to: as the specification has it, or as `callerOption` says. */
export function planOwners<User>(options: string[], user: User): { owners?: "same" | Caller<User> } {
  if (options.some((option) => /^r?idmap$/.test(option))) return { owners: "same" };
  const caller = options.find((option) => option.startsWith(`${callerOption}=`));
  if (caller === undefined) return {};
  const [uid, gid] = caller
    .slice(callerOption.length + 1)
    .split(":")
    .map(Number) as [number, number];
  return { owners: { uid, gid, user } };
}

interface Caller<User> {
  uid: number;
  gid: number;
  user: User;
}
