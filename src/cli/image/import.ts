/** `tinydocker import`: the tar of a root file system becomes an image. */

import { importImage } from "../../engine/image/import.ts";
import { requireRoot } from "../../engine/record/root.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { parsePlatformArg, platformArgs } from "../words/platform.ts";
import { printDone, printLine } from "../words/print.ts";
import { showProgress } from "../words/progress.ts";

export default defineCommand({
  meta: { name: "import", group: "Images", description: "Create an image from the tar of a root file system" },
  args: {
    file: {
      type: "positional",
      required: true,
      description: "Tar of a root file system, compressed or not; - is stdin",
    },
    name: { type: "positional", description: "Name of the new image: REPOSITORY or REPOSITORY:TAG" },
    change: {
      type: "string",
      alias: "c",
      multiple: true,
      valueHint: "instruction",
      description: "Apply a Dockerfile instruction to the image",
    },
    message: { type: "string", alias: "m", valueHint: "text", description: "Comment for the image's history" },
    platform: { ...platformArgs.platform, description: "Platform the image is for (this machine's)" },
    quiet: { type: "boolean", alias: "q", description: "Do not show progress" },
  },
  examples: [`tinydocker export web | tinydocker import -c 'CMD ["/bin/sh"]' - flat:1`],
  takesSignals: true,
  run: async ({ file, name, change, message, quiet, platform }, { root }) => {
    requireRoot("importing images");
    const progress = quiet ? undefined : showProgress(file, "importing");
    const importing = importImage(pathsOf(root), file, {
      changes: change,
      ...(name !== undefined && { reference: name }),
      ...(message !== undefined && { message }),
      ...(platform !== undefined && { platform: parsePlatformArg(platform) }),
      onProgress: (made) => progress?.update(made),
    });
    const id = await importing.finally(() => progress?.done());
    printDone(`${file} is imported`, () => printLine(id));
    return 0;
  },
});
