/** What a user namespace changes in the spec of a container. Loaded for those that have one. Pure. */

import type { IdMapping } from "../../oci/rare.ts";
import type { Mount, Spec } from "../../oci/spec.ts";
import { callerOption } from "../rare/mount-options.ts";
import { type IdMaps, toHost } from "./id-map.ts";

/** The user namespace of a container: settled when it is created, so that its files are its own for as long as it is there. */
export interface UserNamespace extends IdMaps {
  /** As it was asked for: `auto`, `keep-id:uid=5`. */
  mode: string;
  /** First ids of the pieces that are the container's alone. */
  pieces?: number[];
  /** Id of the container whose namespace it is. */
  container?: string;
  /** Whose files those of root are in directories of the host; absent where those are shown as they are. */
  caller?: { uid: number; gid: number };
}

/** What was asked for. */
export interface UserNamespaceRequest {
  kind: "host" | "auto" | "keep-id" | "nomap" | "private" | "container";
  /** As it was said. */
  mode: string;
  /** Number of ids; 65536. */
  size?: number;
  /** Of keep-id: what the caller is inside. */
  uid?: number;
  gid?: number;
  /** By name or id. */
  container?: string;
  /** Lines that were given. */
  uids?: IdMapping[];
  gids?: IdMapping[];
  /** Whose ids of /etc/subuid and /etc/subgid are taken, all of them. */
  subuidName?: string;
  subgidName?: string;
  /** The user behind sudo. */
  caller: { uid: number; gid: number };
  /** Nobody said it of this container: it is so for all. */
  byDefault?: true;
}

/**
 * @param spec of the same container without one.
 * @param path of the namespace of another container that it is in, as somebody can open it.
 */
export function withUserNamespace(spec: Spec, { uids, gids }: UserNamespace, path?: string): Spec {
  const { linux } = spec;
  const { sysctl, ...names } = namesOf(linux.sysctl);
  return {
    ...spec,
    ...names,
    mounts: spec.mounts.map((mount) => withoutUnknownIds(mount, gids)),
    linux: {
      ...linux,
      namespaces: [{ type: "user", ...(path !== undefined && { path }) }, ...linux.namespaces],
      uidMappings: uids,
      gidMappings: gids,
      ...(sysctl && { sysctl: withGroups(sysctl, gids) }),
    },
  };
}

/** The files of these two belong to the host's root in every namespace; there are calls that do the same. */
const named: Record<string, "hostname" | "domainname"> = {
  "kernel.hostname": "hostname",
  "kernel.domainname": "domainname",
};

function namesOf(sysctls: Record<string, string> | undefined): Pick<Spec, "hostname" | "domainname"> & Linux {
  const all = Object.entries(sysctls ?? {});
  const names = all.flatMap(([key, value]) => (named[key] ? [[named[key], value]] : []));
  if (names.length === 0) return sysctls ? { sysctl: sysctls } : {};
  return { ...Object.fromEntries(names), sysctl: Object.fromEntries(all.filter(([key]) => !named[key])) };
}

type Linux = Pick<Spec["linux"], "sysctl">;

/** The group of terminals, where there is one of that number. */
function withoutUnknownIds(mount: Mount, gids: IdMaps["gids"]): Mount {
  const { type, options } = mount;
  if (type !== "devpts" || !options || toHost(gids, ttyGroup) !== undefined) return mount;
  return { ...mount, options: options.filter((option) => option !== `gid=${ttyGroup}`) };
}

const ttyGroup = 5;
const pingGroups = "net.ipv4.ping_group_range";
/** What everybody has who says nothing. */
const allGroups = "0 2147483647";

/** Both ends of a range of groups have to be groups of the container. */
function withGroups(sysctls: Record<string, string>, gids: IdMaps["gids"]): Record<string, string> {
  const first = gids.find(({ containerID }) => containerID === 0);
  if (sysctls[pingGroups] !== allGroups || !first) return sysctls;
  let last = first.size - 1;
  for (let next = gids.find(({ containerID }) => containerID === last + 1); next; ) {
    last += next.size;
    next = gids.find(({ containerID }) => containerID === last + 1);
  }
  return { ...sysctls, [pingGroups]: `0 ${last}` };
}

/** Root of the container, by the host's numbers. */
export const rootOf = ({ uids, gids }: IdMaps): { uid: number; gid: number } => ({
  uid: toHost(uids, 0) ?? 0,
  gid: toHost(gids, 0) ?? 0,
});

/** Who the files of volumes and of the host's directories belong to inside. */
export const withOwners = <Asked extends Mount>(mounts: readonly Asked[], { caller }: UserNamespace): Asked[] =>
  mounts.map((mount) => {
    const { type, options = [] } = mount;
    if (options.some((option) => /^r?idmap$/.test(option))) return mount;
    if (type === "volume" || type === "image") return { ...mount, options: [...options, "ridmap"] };
    if (type !== "bind" || !caller) return mount;
    const owners = caller.uid === 0 ? "ridmap" : `${callerOption}=${caller.uid}:${caller.gid}`;
    return { ...mount, options: [...options, owners] };
  });
