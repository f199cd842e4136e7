/** `tinydocker save`: images of the store as one archive. */

import { save } from "../../engine/image/save.ts";
import { requireRoot } from "../../engine/record/root.ts";
import { UsageError } from "../../errors.ts";
import { archiveFormats } from "../../image/save.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { platformArgs, platformCheck } from "../words/platform.ts";
import { warn } from "../words/print.ts";
import { type Progress, showProgress } from "../words/progress.ts";

export default defineCommand({
  meta: { name: "save", group: "Images", description: "Save images to an archive" },
  args: {
    image: {
      type: "positional",
      multiple: true,
      required: true,
      description: "Image names, ids, or unique id prefixes",
    },
    output: { type: "string", alias: "o", valueHint: "file", description: "Write to this file instead of stdout" },
    format: {
      type: "string",
      default: "docker-archive",
      valueHint: "format",
      description: `Archive format: ${archiveFormats.join(" or ")}`,
    },
    ...platformArgs,
    quiet: { type: "boolean", alias: "q", description: "Do not show progress" },
  },
  examples: ["tinydocker save -o busybox.tar busybox", "tinydocker save busybox alpine | gzip >both.tar.gz"],
  takesSignals: true,
  run: async ({ image, output, format: word, quiet, platform }, { root }) => {
    requireRoot("saving images");
    const format = archiveFormats.find((known) => known === word);
    if (!format)
      throw new UsageError(`--format: ${JSON.stringify(word)} is not supported`, archiveFormats.join(" or "));
    const progress = quiet
      ? undefined
      : showProgress(image.length === 1 ? image[0]! : `${image.length} images`, "saving");
    const options = { format, warn, onProgress: (made: Progress) => progress?.update(made) };
    const saving = save(pathsOf(root), image, output, options, platformCheck(platform));
    await saving.finally(() => progress?.done());
    return 0;
  },
});
