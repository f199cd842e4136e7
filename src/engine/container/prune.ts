/** Removing all containers that do not run. */

import type { Failure } from "../../errors.ts";
import { readdir } from "../../linux/directory.ts";
import type { Paths } from "../../paths.ts";
import { type Container, isUp, listContainers, readContainer } from "../record/container.ts";
import { recordPrune } from "../record/events.ts";
import { removeOne } from "../record/one-of-many.ts";
import { freeStrayName, removeContainer } from "./remove.ts";
import { sizeOfContainer } from "./size.ts";

/** @param chosen which of those that are down. @returns those that are gone, the bytes of their files, and what could not go. */
export function pruneContainers(
  paths: Paths,
  chosen: (container: Container) => boolean,
): { ids: string[]; bytes: number; failures: Failure[] } {
  const gone = { ids: [] as string[], bytes: 0, failures: [] as Failure[] };
  for (const listed of listContainers(paths)) {
    // Asked again: it may have been started while others were removed.
    const container = readContainer(paths, listed.record.id);
    if (!container || isUp(container) || container.status === "restarting" || !chosen(container)) continue;
    removeOne(gone.failures, () => {
      const { writtenBytes } = sizeOfContainer(paths, container.record);
      removeContainer(paths, container, { force: false });
      gone.ids.push(container.record.id);
      gone.bytes += writtenBytes;
    });
  }
  for (const name of readdir(paths.names) ?? []) freeStrayName(paths, name);
  recordPrune(paths, "container", gone.bytes);
  return gone;
}
