/** Landlock, which bounds what a process may do with files (landlock(7)). */

import { EOPNOTSUPP, EPERM, errnos } from "../errno.ts";
import { allow, syscall } from "../libc.ts";

const LANDLOCK_CREATE_RULESET_VERSION = 1;

/** The version of its ABI; undefined where the kernel has none, or has it switched off. */
export function landlockVersion(): number | undefined {
  const answer = syscall("landlock_create_ruleset", null, 0, LANDLOCK_CREATE_RULESET_VERSION);
  const version = allow([errnos.ENOSYS, EOPNOTSUPP, EPERM], "landlock_create_ruleset", "", answer);
  return version === -1 ? undefined : version;
}
