/** Removing all containers that do not run. */

import { ConflictError } from "../../errors.ts";
import type { Paths } from "../../paths.ts";
import { type Container, isUp, listContainers, readContainer } from "../record/container.ts";
import { recordPrune } from "../record/events.ts";
import { removeContainer } from "./remove.ts";
import { sizeOfContainer } from "./size.ts";

/** @param chosen which of those that are down. @returns those that are gone, and the bytes of their files. */
export function pruneContainers(
  paths: Paths,
  chosen: (container: Container) => boolean,
): { ids: string[]; bytes: number } {
  const gone = { ids: [] as string[], bytes: 0 };
  for (const listed of listContainers(paths)) {
    // Asked again: it may have been started while others were removed.
    const container = readContainer(paths, listed.record.id);
    if (!container || isUp(container) || container.status === "restarting" || !chosen(container)) continue;
    const { writtenBytes } = sizeOfContainer(paths, container.record);
    try {
      removeContainer(paths, container, { force: false });
    } catch (error) {
      // Started by somebody in this moment.
      if (error instanceof ConflictError) continue;
      throw error;
    }
    gone.ids.push(container.record.id);
    gone.bytes += writtenBytes;
  }
  recordPrune(paths, "container", gone.bytes);
  return gone;
}
