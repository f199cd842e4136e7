/** `tinydocker inspect`: all that is known of images, as JSON. */

import { UsageError } from "../errors.ts";
import { findImage, type Image } from "../image/store.ts";
import { pathsOf } from "../paths.ts";
import { defineCommand } from "./command.ts";
import { inspectArgs, printObjects } from "./objects.ts";

export default defineCommand({
  meta: { name: "inspect", description: "Describe images as JSON" },
  args: {
    image: { type: "positional", multiple: true, required: true, description: "Names, or ids or the beginning of one" },
    type: { type: "string", valueHint: "image", description: "What the names are names of: image" },
    ...inspectArgs,
  },
  examples: ["tinydocker inspect busybox", "tinydocker inspect -f '{{json .Config.Cmd}}' busybox"],
  run: ({ image, type = "image", format }, { root }) => {
    if (type !== "image") throw new UsageError(`--type: ${JSON.stringify(type)} is not supported`, "--type image");
    const paths = pathsOf(root);
    const find = (name: string) => {
      const found = findImage(paths, name);
      return found && describeImage(found);
    };
    printObjects("image", image, find, format);
    return 0;
  },
});

/** By the names `docker inspect` uses. */
export const describeImage = ({ id, references, created, sizeBytes, config }: Image) => ({
  Id: id,
  RepoTags: references.filter((reference) => !reference.includes("@")),
  RepoDigests: references.filter((reference) => reference.includes("@")),
  Comment: config.history?.at(-1)?.comment ?? "",
  Created: created,
  Author: config.author ?? "",
  Architecture: config.architecture,
  Variant: config.variant,
  Os: config.os,
  Size: sizeBytes,
  Config: describeConfig(config.config),
  RootFS: { Type: "layers", Layers: config.rootfs.diff_ids },
  History: config.history ?? [],
});

/** What an image says of nothing is there all the same, empty: templates ask for it. */
const describeConfig = (config: Image["config"]["config"]) => ({
  User: config.User ?? "",
  ExposedPorts: new Map(Object.entries(config.ExposedPorts ?? {})),
  Env: config.Env ?? [],
  Cmd: config.Cmd ?? null,
  Healthcheck: config.Healthcheck,
  Volumes: new Map(Object.entries(config.Volumes ?? {})),
  WorkingDir: config.WorkingDir ?? "",
  Entrypoint: config.Entrypoint ?? null,
  Labels: new Map(Object.entries(config.Labels ?? {})),
  StopSignal: config.StopSignal,
  Shell: config.Shell,
});
