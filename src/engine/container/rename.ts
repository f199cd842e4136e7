/** Names of containers: each a file that can be created only once. */

import { ConflictError } from "../../errors.ts";
import { unlink } from "../../linux/names.ts";
import { readNames, writeNames } from "../../network/dns/zone.ts";
import type { Paths } from "../../paths.ts";
import { takeName } from "../../runtime/name.ts";
import { type Container, emitContainerEvent, readContainer, writeRecord } from "../record/container.ts";
import { namesOf } from "../record/network.ts";

/**
 * The new name is taken first and the old one freed last: at no moment the container has none. Both are links to one file, so
 * that one that was killed in between can be done again, and whoever removes the container finds both.
 */
export function renameContainer(paths: Paths, { record }: Container, name: string): void {
  if (name === record.name) throw new ConflictError(`container ${name} has that name already`);
  takeName(name, `${paths.names}/${name}`, record.id, paths, `${paths.names}/${record.name}`);
  try {
    writeRecord(paths, { ...record, name });
  } catch (error) {
    unlink(`${paths.names}/${name}`);
    throw error;
  }
  unlink(`${paths.names}/${record.name}`);
  renameInNetworks(paths, record.id, name);
  emitContainerEvent(paths, { ...record, name }, "rename", { oldName: `/${record.name}` });
}

/** One that runs is found by its new name at once. */
function renameInNetworks(paths: Paths, id: string, name: string): void {
  const endpoints = readContainer(paths, id)?.state.network?.endpoints ?? [];
  for (const { network } of endpoints) {
    const names = readNames(namesOf(paths, network), id);
    if (names) writeNames(namesOf(paths, network), id, { ...names, name });
  }
}
