/** `tinydocker rmi`: removes names of images, and with the last name the image. */

import { rmi } from "../../engine/image/remove.ts";
import { NotFoundError } from "../../errors.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { forEachName } from "../words/for-each.ts";
import { platformArgs, platformCheck } from "../words/platform.ts";
import { printLine } from "../words/print.ts";
import { showRemovals } from "../words/progress.ts";

export default defineCommand({
  meta: { name: "rmi", group: "Images", description: "Remove images" },
  args: {
    image: {
      type: "positional",
      multiple: true,
      required: true,
      description: "Image names, ids, or unique id prefixes",
    },
    "no-prune": { type: "boolean", description: "Keep untagged parents (this store never has any)" },
    ...platformArgs,
    force: { type: "boolean", alias: "f", description: "Remove images with several names, or used by containers" },
  },
  examples: ["tinydocker rmi busybox"],
  run: ({ image, force = false, platform }, { root }) => {
    showRemovals();
    const paths = pathsOf(root);
    const check = platform === undefined ? undefined : platformCheck(platform);
    const remove = (reference: string) => {
      const { untagged, deleted } = rmi(paths, reference, { force, ...(check && { check }) });
      for (const name of untagged) printLine(`Untagged: ${name}`);
      if (deleted) printLine(`Deleted: ${deleted}`);
    };
    return forEachName(image, remove, (failure) => force && failure instanceof NotFoundError);
  },
});
