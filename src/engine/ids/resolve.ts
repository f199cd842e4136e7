/** The user namespace of a container that is to be: which ids of the host are its own. */

import { ConflictError, Failure } from "../../errors.ts";
import { readdir } from "../../linux/directory.ts";
import { readFileIfAny } from "../../linux/file.ts";
import { hardLimits } from "../../linux/process.ts";
import { statIfAny } from "../../linux/stat.ts";
import type { IdMapping } from "../../oci/rare.ts";
import type { Paths } from "../../paths.ts";
import type { Container } from "../../plan/container.ts";
import type { RunOptions } from "../../plan/options.ts";
import { containerOf } from "../../plan/process-options.ts";
import { type IdMaps, overlapping, withoutIds } from "../../plan/userns/id-map.ts";
import type { UserNamespace, UserNamespaceRequest } from "../../plan/userns/spec.ts";
import { pieceSize, releaseIds, takePieces } from "../../runtime/userns/ranges.ts";
import { type ContainerRecord, directoryOf, findContainer } from "../record/container.ts";
import { mapOfName, ownUser, planPieces, readDatabases } from "./subordinate.ts";
import { wideIdsOf } from "./wide.ts";

/** Files of the ids that a container has. */
export const filesOf = (paths: Paths, { pieces }: Pick<UserNamespace, "pieces">): string[] | undefined =>
  pieces?.map((first) => `${paths.ids}/${first}`);

/** Files of its ids, and limits that only the host's root may raise. */
export function planIds(paths: Paths, userns: UserNamespace): Pick<Container, "ids" | "hardLimits"> {
  const ids = filesOf(paths, userns);
  return { ...(ids && { ids }), hardLimits: hardLimits() };
}

/**
 * @param take ids are taken for it; without, those are named that might be.
 * @returns undefined for the host's. @throws Failure where no ids are left.
 */
function resolveUserNamespace(
  paths: Paths,
  record: ContainerRecord,
  request: UserNamespaceRequest,
  { take }: { take: boolean },
): UserNamespace | undefined {
  const { mode, kind, caller } = request;
  if (kind === "host") return undefined;
  if (kind === "container") return ofContainer(paths, request);
  const given = givenMaps(request);
  const own = { mode, ...(kind !== "nomap" && { caller }) };
  if (given) return { ...own, ...given };
  const size = request.size ?? pieceSize;
  const more = planMore(record, size);
  const count = Math.ceil(size / pieceSize);
  const pieces = take
    ? takeIds(paths, record.id, [count, ...more.map(() => 1)])
    : planPieces(readDatabases()).slice(0, count + more.length);
  const map = [
    { containerID: 0, hostID: pieces[0] ?? 0, size },
    ...more.map((range, index) => ({ ...range, hostID: pieces[count + index] ?? 0 })),
  ];
  const maps = kind === "keep-id" ? keeping(request, map) : { uids: map, gids: map };
  return { ...own, ...maps, pieces };
}

/** The kernel takes 340 lines of a map; whoever needs so many has an image that no range fits. */
const maxMore = 16;

/** Ids from `size` on that the image has owners of, or that the program runs as: with all others of their range of 65536. */
function planMore({ lower, options, defaults }: ContainerRecord, size: number): Omit<IdMapping, "hostID">[] {
  const [, uid = "0", gid = "0"] = /^(\d{1,10})(?::(\d{1,10}))?$/.exec(options.user ?? defaults.User ?? "") ?? [];
  const ofUser = [uid, gid].map((id) => Number(id) - (Number(id) % pieceSize)).filter((first) => first < lastPiece);
  const firsts = [...new Set([...ofUser, ...wideIdsOf(lower)])].filter(
    (first) => first > 0 && first + pieceSize > size,
  );
  return firsts.slice(0, maxMore).map((first) => {
    const containerID = Math.max(first, size);
    return { containerID, size: first + pieceSize - containerID };
  });
}

/** In it is the number that is none. */
const lastPiece = 0xffff_0000;

/** The caller's ids are the same inside, or those that were asked for; all others are the container's own. */
function keeping({ caller, uid, gid }: UserNamespaceRequest, map: readonly IdMapping[]): IdMaps {
  const keep = (hostID: number, containerID = hostID): IdMapping[] => [
    ...withoutIds(map, [containerID]),
    { containerID, hostID, size: 1 },
  ];
  return { uids: keep(caller.uid, uid), gids: keep(caller.gid, gid) };
}

/** @param counts of pieces that are wanted one behind the other. @throws Failure with none taken. */
function takeIds(paths: Paths, id: string, counts: number[]): number[] {
  const all = planPieces(readDatabases());
  const taken: number[] = [];
  for (const count of counts) {
    const pieces = takePieces(
      paths.ids,
      all.filter((first) => !taken.includes(first)),
      count,
      id,
    );
    if (pieces) taken.push(...pieces);
    else {
      releaseIds(id, filesOf(paths, { pieces: taken })!);
      throw new Failure(
        "no ids are left for another container with a user namespace",
        `remove containers that are stopped, or give the user ${ownUser} more in /etc/subuid and /etc/subgid`,
      );
    }
  }
  return taken;
}

/** What was said line by line, or is somebody's in /etc/subuid. */
function givenMaps({ uids, gids, subuidName, subgidName }: UserNamespaceRequest): IdMaps | undefined {
  const databases = subuidName === undefined && subgidName === undefined ? undefined : readDatabases();
  const users = uids ?? (databases && subuidName && mapOfName("subuid", databases.subuid, subuidName));
  const groups =
    gids ??
    (databases && (subgidName ?? subuidName) && mapOfName("subgid", databases.subgid, (subgidName ?? subuidName)!));
  const [first, second] = [users || groups, groups || users];
  if (!first || !second) return undefined;
  for (const maps of [first, second]) {
    const meet = overlapping(maps);
    if (!meet) continue;
    const text = meet.map(({ containerID, hostID, size }) => `${containerID}:${hostID}:${size}`).join(" and ");
    throw new ConflictError(`--uidmap, --gidmap: ${text} have ids in common`);
  }
  return { uids: first, gids: second };
}

/** That of another container, whose files are by the same ids. */
function ofContainer(paths: Paths, { mode, container }: UserNamespaceRequest): UserNamespace | undefined {
  const { record } = findContainer(paths, container!);
  const theirs = record.options.userns;
  return theirs && { ...theirs, mode, container: theirs.container ?? record.id };
}

/** Those files that name a container, where nothing else says which. */
export const findIds = (paths: Paths, id: string): string[] =>
  (readdir(paths.ids) ?? [])
    .map((name) => `${paths.ids}/${name}`)
    .filter((path) => readFileIfAny(path)?.split("\n").includes(id));

/** @param take its ids are its own from now on (`releaseUnused`); without, it is only said which it might have. */
export function withUserNamespace(
  paths: Paths,
  record: ContainerRecord,
  request: UserNamespaceRequest | undefined,
  how: { take: boolean },
): ContainerRecord {
  const { options } = record;
  const userns = chooseUserNamespace(paths, record, request, how);
  return userns ? { ...record, options: { ...options, userns } } : record;
}

/** Gives back the ids of a container that is not there. */
export function releaseUnused(paths: Paths, { id, options: { userns } }: ContainerRecord): void {
  if (userns?.pieces && !statIfAny(directoryOf(paths, id))) releaseIds(id, filesOf(paths, userns)!);
}

/**
 * The user namespace of a container, by what was asked for and by whose other namespaces it is in: those are owned by a user
 * namespace, and root of another has no right to them.
 * @throws ConflictError for a container that would have to be in two, or in another than it is told to.
 */
function chooseUserNamespace(
  paths: Paths,
  record: ContainerRecord,
  request: UserNamespaceRequest | undefined,
  how: { take: boolean },
): UserNamespace | undefined {
  const { options } = record;
  const owners = ownersOfShared(paths, options);
  const [owner] = owners;
  const isAsked = request !== undefined && !request.byDefault;
  if (owner === undefined) {
    if (!request || (request.byDefault && needsHost(options))) return undefined;
    return resolveUserNamespace(paths, record, request, how);
  }
  if (owners.some((other) => other.id !== owner.id))
    throw new ConflictError(
      "namespaces of containers with different user namespaces cannot be shared by one container",
    );
  const shared = owner.userns && { ...owner.userns, mode: `container:${owner.id}`, container: owner.id! };
  if (!isAsked) return shared;
  if (request.kind === "host") return undefined;
  const chosen = request.kind === "container" ? ofContainer(paths, request) : undefined;
  if (chosen && shared && chosen.container === shared.container) return shared;
  throw new ConflictError(
    `--userns ${request.mode}: it shares namespaces with ${owner.name}, so it has to be in the user namespace of that container`,
    "leave --userns out: then it is",
  );
}

/** Whose user namespaces own what is shared; without an id it is the host's. */
function ownersOfShared(paths: Paths, { network, process }: Pick<RunOptions, "network" | "process">) {
  const names = [
    network.mode === "container" ? network.container : undefined,
    containerOf(process?.pid),
    containerOf(process?.ipc),
  ];
  return names.flatMap((name) => {
    if (name === undefined) return [];
    const { record } = findContainer(paths, name);
    const { userns } = record.options;
    return [{ name: record.name, ...(userns && { userns, id: userns.container ?? record.id }) }];
  });
}

/** What a container was given of the host that its root could not use otherwise: where nobody has said more, it is the host's root. */
const needsHost = ({ network, process, privileged }: Pick<RunOptions, "network" | "process" | "privileged">): boolean =>
  privileged || network.mode === "host" || process?.pid === "host" || process?.ipc === "host";
