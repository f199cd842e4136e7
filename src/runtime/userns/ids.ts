/** The user namespace that a container is about to have, as the host's side uses it: for owners of files, and to mount with. */

import { Failure } from "../../errors.ts";
import type { Fd } from "../../linux/file.ts";
import { makeFilesAs } from "../../linux/namespace.ts";
import { type IdMaps, toHost } from "../../plan/userns/id-map.ts";
import { rootOf } from "../../plan/userns/spec.ts";

/** Its maps, and a descriptor of it or of one with the same maps. */
export interface Ids extends IdMaps {
  fd: Fd;
}

type Owner = { uid: number; gid: number };

/** Who a program runs as, by the numbers of the container. */
export type UserIds = Owner & { groups: number[] };

/** What the host calls the owner of a file. @throws Failure for one that the container has not got. */
export function ownerOnHost({ uids, gids }: IdMaps, { uid, gid }: Owner, subject: string): Owner {
  const [user, group] = [toHost(uids, uid), toHost(gids, gid)];
  if (user !== undefined && group !== undefined) return { uid: user, gid: group };
  const what = user === undefined ? `user ${uid}` : `group ${gid}`;
  throw new Failure(
    `${subject}: the container's user namespace has no ${what}`,
    "--userns auto has the ids from 0 to 65535, those of the image, and auto:size=N more; --userns host has all",
  );
}

/** From now on what this process makes belongs to the container's root. @returns takes it back. */
export const startAsRoot = (ids: IdMaps): (() => void) => makeFilesAs(rootOf(ids));

/** What is made meanwhile belongs to the container's root. Synchronous. */
export function asRoot<Result>(ids: IdMaps | undefined, make: () => Result): Result {
  if (!ids) return make();
  const back = startAsRoot(ids);
  try {
    return make();
  } finally {
    back();
  }
}

/** Who a program runs as, in the host's numbers: whose its pipes are. @throws Failure for an id that is not mapped. */
export function identityOnHost(ids: IdMaps, identity: UserIds): Owner {
  for (const gid of identity.groups) ownerOnHost(ids, { uid: identity.uid, gid }, "--user");
  return ownerOnHost(ids, identity, "--user");
}
