/** Removing what is kept of a container: its directory, its name, and the volumes that were made for it alone. */

import { isFull } from "../../errors.ts";
import type { Paths } from "../../paths.ts";
import { removeContainer } from "../../runtime/clean-up.ts";
import { performHost } from "../../runtime/host.ts";
import type { CleanUpDead } from "../../runtime/lock-file.ts";
import { undoing, undoList } from "../../runtime/undo.ts";
import { anonymousVolumes, type ContainerRecord, directoryOf } from "../record/container.ts";

/**
 * Removes a container that is down, under its lock file: if we are killed half way, the next command goes on with it (recover.ts).
 * Whoever still writes down how it ended is waited for. @param volumes also its anonymous volumes. @param damaged what it has is
 * looked for, as its record may not say.
 */
export function deleteContainer(
  paths: Paths,
  record: ContainerRecord,
  { volumes, damaged = false }: { volumes: boolean; damaged?: boolean },
): void {
  const { id, name } = record;
  const ids = damaged ? resolveIds().findIds(paths, id) : idsOf(paths, record);
  const kept = { directory: directoryOf(paths, id), namePath: `${paths.names}/${name}`, ...(ids && { ids }) };
  const anonymous = volumes ? anonymousVolumes(record) : [];
  const cleanup = { id, ...kept, keep: false, outlives: false, volumes: anonymous };
  const lock = undoList();
  try {
    const lockFile = { do: "lock-file" as const, running: `${paths.running}/${id}`, cleanup };
    performHost([lockFile], lock, { cleanUpDead: cleaningUpFor(paths, id) });
  } catch (error) {
    // On a full disk removing is what helps.
    if (!isFull(error)) throw error;
  }
  undoing(lock, () => {
    freeQuota(record, kept.directory);
    removeContainer(kept);
    removeAnonymousVolumes(paths, anonymous);
    removeMadeVolumes(paths, record);
  });
}

/** Loaded where somebody who was killed has left something. */
export const cleaningUpFor =
  (paths: Paths, id: string): CleanUpDead =>
  (content) =>
    (require("./clean-up.ts") as typeof import("./clean-up.ts")).cleanUpFor(paths, id, content);

/** Files of its ids. Loaded for those that have some. */
function idsOf(paths: Paths, { options: { userns } }: ContainerRecord): string[] | undefined {
  if (!userns?.pieces) return undefined;
  return resolveIds().filesOf(paths, userns);
}

const resolveIds = () => require("../ids/resolve.ts") as typeof import("../ids/resolve.ts");

/** Loaded for those that have one. */
function freeQuota({ id, options }: ContainerRecord, directory: string): void {
  if (!options.resources?.storageBytes) return;
  const { clearQuota } = require("../../runtime/quota.ts") as typeof import("../../runtime/quota.ts");
  const { projectOf } = require("../../plan/resources.ts") as typeof import("../../plan/resources.ts");
  clearQuota([`${directory}/upper`], projectOf(id));
}

/** Removes the volumes that a container has made without ever running its program. */
export function removeMadeVolumes(paths: Paths, { id, options }: ContainerRecord, releaseStore?: () => void): void {
  if (!options.mounts.some(({ type }) => type === "volume")) return;
  const { removeMade } = require("../volume/remove.ts") as typeof import("../volume/remove.ts");
  const { namedVolumes } = require("../volume/events.ts") as typeof import("../volume/events.ts");
  removeMade(paths, id, namedVolumes(options), releaseStore);
}

/** Removes the anonymous volumes of a container that is gone. */
export function removeAnonymousVolumes(paths: Paths, names: string[]): void {
  if (names.length === 0) return;
  // Loaded here: most containers have none.
  const { removeAnonymous } = require("../volume/remove.ts") as typeof import("../volume/remove.ts");
  removeAnonymous(paths, names);
}
