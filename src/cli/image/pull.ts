/** `tinydocker pull`: gets an image from its registry. */

import { pull } from "../../engine/image/pull.ts";
import { requireRoot } from "../../engine/record/root.ts";
import { fullName } from "../../image/reference.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { parsePlatformArg, platformArgs } from "../words/platform.ts";
import { plain, printDone, printLine } from "../words/print.ts";
import { quietPull, showPull, statusLine } from "../words/pull-progress.ts";
import { tlsArgs } from "../words/tls.ts";

export default defineCommand({
  meta: { name: "pull", group: "Images", description: "Download an image from a registry" },
  args: {
    image: { type: "positional", required: true, description: "NAME, NAME:TAG or NAME@DIGEST" },
    "all-tags": { type: "boolean", alias: "a", description: "Download every tag of the repository" },
    quiet: { type: "boolean", alias: "q", description: "Show no progress, only the full name" },
    platform: {
      ...platformArgs.platform,
      description: "Download the image for this platform, not the one for this machine",
    },
    ...tlsArgs,
  },
  examples: ["tinydocker pull busybox", "tinydocker pull registry.example:5000/app@sha256:..."],
  takesSignals: true,
  run: async ({ image, "all-tags": allTags = false, quiet, platform, "tls-verify": verifyTls }, { root }) => {
    requireRoot("pulling images");
    const asked = platform === undefined ? undefined : parsePlatformArg(platform);
    if (!quiet && !allTags && !/[:@][^/]*$/.test(image)) printLine("Using default tag: latest");
    const report = quiet ? quietPull() : showPull(1);
    const pulling = pull(pathsOf(root), { image, allTags, platform: asked, verifyTls }, report);
    const { reference, pulled } = await pulling.finally(report.close);
    printDone(`${image} is pulled`, () => {
      if (!quiet)
        printLine(
          statusLine(
            pulled.some(({ isNew }) => isNew),
            reference,
          ),
        );
      printLine(plain(fullName(reference)));
    });
    return 0;
  },
});
