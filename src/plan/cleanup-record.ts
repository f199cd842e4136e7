/** What the lock file of a running container says. Pure. */

import type { Connected } from "./network/network.ts";
import type { RuntimeCall } from "./rare/external.ts";

/** The version in which lock files are written (engine/record/lock-file.ts reads them). */
export const cleanupSchema = 1;

/** What is left to do for a container whose monitor was killed; kept in the lock file that the monitor held. */
export interface CleanupRecord {
  id: string;
  namePath?: string;
  /** Its cgroup v2 directory. */
  cgroup?: string;
  directory: string;
  /** The directory outlives the container (no --rm). */
  keep: boolean;
  /** It lives on without its monitor: only when it is dead there is something to clean up. */
  outlives: boolean;
  /** Names of its anonymous volumes, which go with it. */
  volumes?: string[];
  network?: Connected;
  /** Files that mark the ids of its user namespace as used. */
  ids?: string[];
  /** Another OCI runtime has made it. */
  runtime?: RuntimeCall;
}
