/** Who a spec's program runs as: a name still to be looked up in the rootfs, or numbers. Pure. */

import type { Spec } from "../oci/spec.ts";

/** `name`, `uid`, `name:group` or `uid:gid` as a person wrote it, and groups beside the user's own; or what a spec gives. */
export type User = string | { name: string; more: string[] } | { uid: number; gid: number; groups: number[] };

export function userOf(spec: Pick<Spec, "process">): User {
  const { username, uid, gid, additionalGids, groupNames } = spec.process.user;
  if (username !== undefined && groupNames) return { name: username, more: groupNames };
  return username ?? { uid, gid, groups: additionalGids ?? [] };
}
