/** A container one of whose files is damaged: what of it can be read, so that it can be found, seen and removed. */

import type { Paths } from "../../paths.ts";
import { noOptions } from "../../plan/options.ts";
import { type Parsed, salvage } from "../../schema.ts";
import { type ContainerRecord, type ContainerState, containerKind, stateKind } from "./container-kind.ts";
import { nameOf } from "./container-name.ts";

/** What can be read of it, so that it can be found, seen and removed. */
export function damagedContainer(
  paths: Paths,
  id: string,
  record: Parsed<ContainerRecord>,
  state: Parsed<ContainerState>,
) {
  return {
    record: record.value ?? { ...salvage(containerKind, record.rest, unknownRecord(paths, id)), id },
    state: state.value ?? salvage(stateKind, state.rest, { status: "exited", restartCount: 0 }),
    status: "damaged" as const,
    damage: record.damage ?? state.damage!,
  };
}

const unknownRecord = (paths: Paths, id: string): ContainerRecord => ({
  id,
  name: nameOf(paths, id) ?? id.slice(0, 12),
  created: "1970-01-01T00:00:00Z",
  image: "?",
  lower: [],
  rootMode: 0o755,
  defaults: {},
  options: noOptions,
  settings: {
    remove: false,
    init: false,
    interactive: false,
    restart: { name: "no", maximumRetries: 0 },
    log: { driver: "none", maxBytes: 0, maxFiles: 0 },
    labels: {},
  },
});
