/** `tinydocker inspect`: all that is known of images, as JSON. */

import { NotFoundError } from "../errors.ts";
import { findImage, type Image } from "../image/store.ts";
import { pathsOf } from "../paths.ts";
import { defineCommand } from "./command.ts";
import { printLine } from "./print.ts";

export default defineCommand({
  meta: { name: "inspect", description: "Describe images as JSON" },
  args: {
    image: { type: "positional", multiple: true, required: true, description: "Names, or ids or the beginning of one" },
  },
  examples: ["tinydocker inspect busybox"],
  run: ({ image }, { root }) => {
    const found = image.map((reference) => {
      const one = findImage(pathsOf(root), reference);
      if (!one) throw new NotFoundError(`no such image: ${reference}`, "tinydocker images lists what there is");
      return describe(one);
    });
    printLine(JSON.stringify(found, null, 2));
    return 0;
  },
});

/** By the names `docker inspect` uses. */
const describe = ({ id, references, created, sizeBytes, config }: Image) => ({
  Id: id,
  RepoTags: references,
  Created: created,
  Architecture: config.architecture,
  Os: config.os,
  Size: sizeBytes,
  Config: config.config,
  RootFS: { Type: "layers", Layers: config.rootfs.diff_ids },
  History: config.history ?? [],
});
