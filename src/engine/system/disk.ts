/** What images, containers and volumes take of the disk. */

import { knownLayers } from "../../image/record.ts";
import { keptBytes } from "../../image/registry/room.ts";
import { type Image, listImages } from "../../image/store.ts";
import type { Paths } from "../../paths.ts";
import { sizeOfContainer, sizeOfTree } from "../container/size.ts";
import { type Container, isUp, listContainers } from "../record/container.ts";
import { backingOf, listVolumes, mountPointOf, usersOfVolumes, type Volume } from "../record/volume.ts";

export interface Usage {
  images: { image: Image; users: number; sharedBytes: number; uniqueBytes: number }[];
  /** Bytes of all layers, each once, and of what is kept of registries; and of all that what no container needs. */
  layers: { bytes: number; unusedBytes: number };
  containers: { container: Container; bytes: number; volumes: number; active: boolean }[];
  /** Without a size what lies elsewhere than with us. */
  volumes: { volume: Volume; users: number; bytes?: number }[];
}

export function readUsage(paths: Paths): Usage {
  const containers = listContainers(paths);
  const users = usersOfVolumes(paths);
  return {
    ...imageUsage(paths, containers),
    containers: containers.map((container) => ({
      container,
      bytes: sizeOfContainer(paths, container.record).writtenBytes,
      volumes: container.record.options.mounts.filter(({ type }) => type === "volume").length,
      active: isUp(container) || container.status === "restarting",
    })),
    volumes: listVolumes(paths).map((volume) => ({
      volume,
      users: users(volume.name).length,
      ...(!liesElsewhere(volume) && { bytes: sizeOfTree(mountPointOf(paths, volume)) }),
    })),
  };
}

/** Options that nobody understands do not tell where. */
function liesElsewhere(volume: Volume): boolean {
  try {
    return backingOf(volume) !== undefined;
  } catch {
    return true;
  }
}

function imageUsage(paths: Paths, containers: Container[]): Pick<Usage, "images" | "layers"> {
  const layers = new Map<string, { bytes: number; images: number; used: boolean }>();
  const found = listImages(paths).map((image) => {
    const users = containers.filter(({ record }) => record.imageId === image.id).length;
    const own = knownLayers(paths, image.id);
    for (const { chainId, sizeBytes } of own) {
      const layer = layers.get(chainId) ?? { bytes: sizeBytes, images: 0, used: false };
      layers.set(chainId, { ...layer, images: layer.images + 1, used: layer.used || users > 0 });
    }
    return { image, users, own: own.map(({ chainId }) => chainId) };
  });
  const sum = (chosen: { bytes: number }[]) => chosen.reduce((total, { bytes }) => total + bytes, 0);
  const all = [...layers.values()];
  const kept = keptBytes(paths, (image) => containers.some(({ record }) => record.imageId === image));
  return {
    images: found.map(({ image, users, own }) => {
      const mine = own.map((chainId) => layers.get(chainId)!);
      const sharedBytes = sum(mine.filter(({ images }) => images > 1));
      return { image, users, sharedBytes, uniqueBytes: sum(mine) - sharedBytes };
    }),
    layers: { bytes: sum(all) + kept.bytes, unusedBytes: sum(all.filter(({ used }) => !used)) + kept.unusedBytes },
  };
}
