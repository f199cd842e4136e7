/** Ids of a user namespace and of the host, which are two names of one thing (user_namespaces(7)). Pure. */

import type { IdMapping } from "../../oci/rare.ts";

/** What a user namespace makes of users and of groups. */
export interface IdMaps {
  uids: IdMapping[];
  gids: IdMapping[];
}

/** What the host calls an id of the container; undefined for one that the container has not got. */
export function toHost(maps: readonly IdMapping[], id: number): number | undefined {
  const map = maps.find(({ containerID, size }) => id >= containerID && id < containerID + size);
  return map && map.hostID + id - map.containerID;
}

/** What the container calls an id of the host; undefined for one that it has not got. */
export function toContainer(maps: readonly IdMapping[], id: number): number | undefined {
  const map = maps.find(({ hostID, size }) => id >= hostID && id < hostID + size);
  return map && map.containerID + id - map.hostID;
}

/** Lines of uid_map or gid_map, as the kernel takes them. */
export const mapText = (maps: readonly IdMapping[]): string =>
  maps.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}`).join("\n");

/** The same lines as the kernel shows them. */
export const parseMaps = (text: string): IdMapping[] =>
  [...text.matchAll(/^\s*(\d+)\s+(\d+)\s+(\d+)\s*$/gm)].map(([, containerID, hostID, size]) => ({
    containerID: Number(containerID),
    hostID: Number(hostID),
    size: Number(size),
  }));

/** Whether two maps are one, in whatever order their lines are. */
export function sameMaps(some: readonly IdMapping[], others: readonly IdMapping[]): boolean {
  const sorted = (maps: readonly IdMapping[]) => mapText(maps.toSorted((a, b) => a.containerID - b.containerID));
  return sorted(some) === sorted(others);
}

/** The maps without these ids of the container. */
export const withoutIds = (maps: readonly IdMapping[], ids: readonly number[]): IdMapping[] =>
  ids.reduce<IdMapping[]>((left, id) => left.flatMap((map) => withoutId(map, id)), [...maps]);

function withoutId(map: IdMapping, id: number): IdMapping[] {
  const before = id - map.containerID;
  const after = map.size - before - 1;
  if (before < 0 || after < 0) return [map];
  return [
    { ...map, size: before },
    { containerID: id + 1, hostID: map.hostID + before + 1, size: after },
  ].filter(({ size }) => size > 0);
}

/**
 * How a directory of the host is shown: what stands on the disk on the left, what the host's kernel takes it for on the right.
 * Ids are the same inside as on the disk, but root's: the files that root inside writes are the caller's, and the host's
 * root's are nobody's. Where the container runs as the caller, the caller's files are the caller's.
 * @param caller its number on the host. @param user who the container runs as. @returns lines as of a user namespace
 */
export function callersMap(maps: readonly IdMapping[], caller: number, user: number): IdMapping[] {
  const shownAs = user === caller ? caller : 0;
  const host = toHost(maps, shownAs);
  const rest = withoutIds(maps, [0, caller]);
  return host === undefined ? rest : [...rest, { containerID: caller, hostID: host, size: 1 }];
}

/** Two ranges of one map that have an id in common, on either side: the kernel says EINVAL of them. */
export function overlapping(maps: readonly IdMapping[]): [IdMapping, IdMapping] | undefined {
  for (const [index, one] of maps.entries())
    for (const other of maps.slice(index + 1)) {
      const meet = (side: "containerID" | "hostID") =>
        one[side] < other[side] + other.size && other[side] < one[side] + one.size;
      if (meet("containerID") || meet("hostID")) return [one, other];
    }
  return undefined;
}

const capabilityRevision = { two: 0x02, three: 0x03 };
const rootIdAt = 20;

/**
 * A security.capability (capabilities(7)) as a program in the container has set it, whose root the kernel has written down as
 * the host knows it, in the form that files have whose root is that of wherever they are.
 */
export function capabilityInside({ uids }: Pick<IdMaps, "uids">, value: Uint8Array): Uint8Array {
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  if (value.length < rootIdAt + 4 || value[3] !== capabilityRevision.three) return value;
  if (view.getUint32(rootIdAt, true) !== toHost(uids, 0)) return value;
  const plain = value.slice(0, rootIdAt);
  plain[3] = capabilityRevision.two;
  return plain;
}
