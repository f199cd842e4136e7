/** `system prune`: everything that is not in use, in the order in which one thing makes the next unused. */

import type { Failure } from "../../errors.ts";
import { collectGarbage } from "../../image/garbage.ts";
import type { Paths } from "../../paths.ts";
import { pruneContainers } from "../container/prune.ts";
import { sizeOfTree } from "../container/size.ts";
import { type Chosen, pruneImages } from "../image/prune.ts";
import { pruneNetworks } from "../network/remove.ts";
import { recordPrune } from "../record/events.ts";
import { anonymousLabel, mountPointOf, type Volume } from "../record/volume.ts";
import { pruneVolumes } from "../volume/remove.ts";

export interface PruneOptions {
  /** Also images that have a name. */
  all: boolean;
  /** Also anonymous volumes. */
  volumes: boolean;
  chosen: Chosen;
}

export interface Pruned {
  /** Ids. */
  containers: string[];
  /** Names. */
  networks: string[];
  volumes: string[];
  /** Lines as `rmi` prints them. */
  images: string[];
  bytes: number;
  /** Of images that could not be removed. */
  failures: Failure[];
}

export function pruneSystem(paths: Paths, { all, volumes, chosen }: PruneOptions): Pruned {
  const pruned: Pruned = { containers: [], networks: [], volumes: [], images: [], bytes: 0, failures: [] };
  const containers = pruneContainers(paths, ({ record }) =>
    chosen({ labels: record.settings.labels, created: record.created }),
  );
  pruned.containers.push(...containers.ids);
  pruned.bytes += containers.bytes;
  pruned.networks.push(...pruneNetworks(paths, chosen));
  if (volumes) {
    let bytes = 0;
    const isChosen = (volume: Volume) => Object.hasOwn(volume.labels, anonymousLabel) && chosen(volume);
    pruneVolumes(paths, isChosen, (volume) => {
      pruned.volumes.push(volume.name);
      bytes += sizeOfTree(mountPointOf(paths, volume));
    });
    recordPrune(paths, "volume", bytes);
    pruned.bytes += bytes;
  }
  const { untagged, deleted, reclaimedBytes, failures } = pruneImages(paths, { all, chosen });
  pruned.images.push(...untagged.map((name) => `untagged: ${name}`), ...deleted.map((id) => `deleted: ${id}`));
  pruned.bytes += reclaimedBytes;
  pruned.failures.push(...failures);
  collectGarbage(paths);
  return pruned;
}
