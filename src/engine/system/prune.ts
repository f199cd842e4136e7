/** `system prune`: everything that is not in use, in the order in which one thing makes the next unused. */

import type { Failure } from "../../errors.ts";
import { collectGarbage } from "../../image/garbage.ts";
import { dropLayerBlobs, dropPartials } from "../../image/registry/room.ts";
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
  /** Bytes that layers may take as they were pulled, beside their files; as many as there are where nothing is said. */
  keepBytes?: number | undefined;
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
  /** Of what could not be removed: none is in the way of the others. */
  failures: Failure[];
}

export function pruneSystem(paths: Paths, { all, volumes, chosen, keepBytes }: PruneOptions): Pruned {
  const pruned: Pruned = { containers: [], networks: [], volumes: [], images: [], bytes: 0, failures: [] };
  const containers = pruneContainers(paths, ({ record }) =>
    chosen({ labels: record.settings.labels, created: record.created }),
  );
  pruned.containers.push(...containers.ids);
  pruned.bytes += containers.bytes;
  pruned.failures.push(...containers.failures);
  const networks = pruneNetworks(paths, chosen);
  pruned.networks.push(...networks.names);
  pruned.failures.push(...networks.failures);
  if (volumes) {
    const isChosen = (volume: Volume) => Object.hasOwn(volume.labels, anonymousLabel) && chosen(volume);
    const gone = pruneVolumes(paths, isChosen, (volume) => sizeOfTree(mountPointOf(paths, volume)));
    recordPrune(paths, "volume", gone.bytes);
    pruned.volumes.push(...gone.names);
    pruned.bytes += gone.bytes;
    pruned.failures.push(...gone.failures);
  }
  const { untagged, deleted, reclaimedBytes, failures } = pruneImages(paths, { all, chosen });
  pruned.images.push(...untagged.map((name) => `untagged: ${name}`), ...deleted.map((id) => `deleted: ${id}`));
  pruned.bytes += reclaimedBytes;
  pruned.failures.push(...failures);
  collectGarbage(paths);
  pruned.bytes += dropPartials(paths);
  if (keepBytes !== undefined) pruned.bytes += dropLayerBlobs(paths, keepBytes);
  return pruned;
}
