/** `tinydocker volume inspect`: all that is known of volumes, as JSON. */

import { mountPointOf, readVolume, type Volume } from "../../engine/record/volume.ts";
import { mapOrNone, mapOrNull } from "../../nil.ts";
import { type Paths, pathsOf } from "../../paths.ts";
import { isVolumeName } from "../../plan/mounts.ts";
import { defineCommand } from "../words/command.ts";
import { inspectArgs, printObjects } from "../words/objects.ts";

export default defineCommand({
  meta: { name: "volume inspect", description: "Show details of volumes as JSON" },
  args: {
    volume: { type: "positional", multiple: true, required: true, description: "Volume names" },
    ...inspectArgs,
  },
  examples: ["tinydocker volume inspect data", "tinydocker volume inspect -f '{{.Mountpoint}}' data"],
  run: ({ volume, format }, { root }) => {
    const paths = pathsOf(root);
    printObjects("volume", volume, (name) => findOneVolume(paths, name), format);
    return 0;
  },
});

export function findOneVolume(paths: Paths, name: string) {
  const volume = isVolumeName(name) ? readVolume(paths, name) : undefined;
  return volume && describeVolume(paths, volume);
}

/** By the names `docker volume inspect` uses. */
const describeVolume = (paths: Paths, volume: Volume) => ({
  CreatedAt: volume.created.replace(/\.\d+Z$/, "Z"),
  Driver: "local",
  Labels: mapOrNull(volume.labels),
  Mountpoint: mountPointOf(paths, volume),
  Name: volume.name,
  Options: mapOrNull(volume.options),
  Scope: "local",
  Status: mapOrNone(),
});
