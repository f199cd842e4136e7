/** Removing what is kept of a container: its directory, its name, and the volumes that were made for it alone. */

import type { Paths } from "../paths.ts";
import { forget } from "../runtime/host.ts";
import { anonymousVolumes, type ContainerRecord, directoryOf } from "./record.ts";

/** Removes a container that is down. @param volumes also its anonymous volumes. */
export function forgetContainer(paths: Paths, record: ContainerRecord, { volumes }: { volumes: boolean }): void {
  forget({ directory: directoryOf(paths, record.id), namePath: `${paths.names}/${record.name}` });
  if (volumes) forgetVolumes(paths, anonymousVolumes(record));
}

/** Removes the anonymous volumes of a container that is gone. */
export function forgetVolumes(paths: Paths, names: string[]): void {
  if (names.length === 0) return;
  // Loaded here: most containers have none.
  const { removeAnonymous } = require("./volume.ts") as typeof import("./volume.ts");
  removeAnonymous(paths, names);
}
