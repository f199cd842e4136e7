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
  id: string,
  request: UserNamespaceRequest,
  { take }: { take: boolean },
): UserNamespace | undefined {
  const { mode, kind, caller } = request;
  if (kind === "host") return undefined;
  if (kind === "container") return ofContainer(paths, request);
  const given = givenMaps(request);
  const own = { mode, ...(kind !== "nomap" && { caller }) };
  if (given) return { ...own, ...given };
  const count = Math.ceil((request.size ?? pieceSize) / pieceSize);
  const pieces = take ? takeIds(paths, id, count) : planPieces(readDatabases()).slice(0, count);
  const [first = 0] = pieces;
  const size = request.size ?? pieceSize;
  const maps = kind === "keep-id" ? keeping(request, first, size) : plainMaps(first, size);
  return { ...own, ...maps, pieces };
}

function plainMaps(first: number, size: number): IdMaps {
  const map = [{ containerID: 0, hostID: first, size }];
  return { uids: map, gids: map };
}

/** The caller's ids are the same inside, or those that were asked for; all others are the range's. */
function keeping({ caller, uid, gid }: UserNamespaceRequest, first: number, size: number): IdMaps {
  const keep = (hostID: number, containerID = hostID): IdMapping[] => [
    ...withoutIds([{ containerID: 0, hostID: first, size }], [containerID]),
    { containerID, hostID, size: 1 },
  ];
  return { uids: keep(caller.uid, uid), gids: keep(caller.gid, gid) };
}

function takeIds(paths: Paths, id: string, count: number): number[] {
  const pieces = takePieces(paths.ids, planPieces(readDatabases()), count, id);
  if (pieces) return pieces;
  throw new Failure(
    "no ids are left for another container with a user namespace",
    `remove containers that are stopped, or give the user ${ownUser} more in /etc/subuid and /etc/subgid`,
  );
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
  const { id, options } = record;
  const userns = chooseUserNamespace(paths, id, request, options, how);
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
  id: string,
  request: UserNamespaceRequest | undefined,
  options: Pick<RunOptions, "network" | "process" | "privileged">,
  how: { take: boolean },
): UserNamespace | undefined {
  const owners = ownersOfShared(paths, options);
  const [owner] = owners;
  const isAsked = request !== undefined && !request.byDefault;
  if (owner === undefined) {
    if (!request || (request.byDefault && needsHost(options))) return undefined;
    return resolveUserNamespace(paths, id, request, how);
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
