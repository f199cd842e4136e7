/** Whether a bind mount can pass mounts on as it was asked to: that takes a source which does so itself (mount_namespaces(7)). */

import { ConflictError } from "../../errors.ts";
import type { Fd } from "../../linux/file.ts";
import { readlink } from "../../linux/names.ts";
import { mountOf } from "../../linux/proc/mountinfo.ts";

/** @param propagation as mount(8): `rshared`. @throws ConflictError if the source's mount is private */
export function checkPropagation(from: Fd, source: string, propagation: string): void {
  const [kind] = /shared|slave/.exec(propagation) ?? [];
  if (kind === undefined) return;
  const mount = mountOf(readlink(`/proc/self/fd/${from}`))!;
  const isShared = /\bshared:/.test(mount.tags);
  if (isShared || (kind === "slave" && /\bmaster:/.test(mount.tags))) return;
  throw new ConflictError(
    `cannot mount ${source} as ${propagation}: it is on ${mount.point}, which is not a shared${kind === "slave" ? " or slave" : ""} mount`,
    `mount --make-${kind === "slave" ? "shared" : kind} ${mount.point}, or leave the option out`,
  );
}
