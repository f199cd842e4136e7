/** Who a spec's program runs as: a name still to be looked up in the rootfs, or numbers. Pure. */

import type { Spec } from "../oci/spec.ts";

/** `name`, `uid`, `name:group` or `uid:gid` as a person wrote it; or what a spec gives. */
export type User = string | { uid: number; gid: number; groups: number[] };

export function userOf(spec: Pick<Spec, "process">): User {
  const { username, uid, gid, additionalGids } = spec.process.user;
  return username ?? { uid, gid, groups: additionalGids ?? [] };
}
