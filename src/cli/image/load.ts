/** `tinydocker load`: puts the images of a file into the store. */

import { load } from "../../engine/image/load.ts";
import { requireRoot } from "../../engine/record/root.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { parsePlatformArg, platformArgs } from "../words/platform.ts";
import { plain, printDone, printLine, warn } from "../words/print.ts";
import { showProgress } from "../words/progress.ts";
import { parseSize } from "../words/units.ts";

export default defineCommand({
  meta: { name: "load", group: "Images", description: "Load images from a tar, a docker archive or an OCI layout" },
  args: {
    input: { type: "string", alias: "i", valueHint: "file", description: "Read from this file instead of stdin" },
    quiet: { type: "boolean", alias: "q", description: "Do not show progress, only what was loaded" },
    "max-size": {
      type: "string",
      empty: "checked",
      valueHint: "size",
      description: "Refuse layers larger than this when extracted (256g)",
    },
    platform: {
      ...platformArgs.platform,
      description: "Load the image for this platform, not the one for this machine",
    },
    tag: { type: "string", alias: "t", valueHint: "name", description: "Name for the image, if the file has just one" },
  },
  examples: ["tinydocker load -i busybox.tar", "docker save alpine | tinydocker load"],
  takesSignals: true,
  run: async ({ input = "/dev/stdin", quiet, tag, "max-size": size, platform }, { root }) => {
    requireRoot("loading images");
    const progress = quiet ? undefined : showProgress(input);
    const options = {
      ...(tag !== undefined && { reference: tag }),
      ...(size !== undefined && { maxBytes: parseSize("--max-size", size) }),
      ...(platform !== undefined && { platform: parsePlatformArg(platform) }),
      warn,
    };
    const loading = load(pathsOf(root), input, options, (bytes) => progress?.update(bytes));
    const images = await loading.finally(() => progress?.done());
    const lines = images.flatMap(({ id, references }) =>
      references.length === 0 ? `Loaded image ID: ${id}` : references.map((name) => `Loaded image: ${plain(name)}`),
    );
    printDone(`${input} is loaded`, () => lines.forEach(printLine));
    return 0;
  },
});
