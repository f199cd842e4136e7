/** `tinydocker push`: sends an image to its registry. */

import { type PushReport, push } from "../../engine/image/push.ts";
import { requireRoot } from "../../engine/record/root.ts";
import { UsageError } from "../../errors.ts";
import { compressions } from "../../image/registry/making.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { plain, printDone, printLine } from "../words/print.ts";
import { quietPull, showPull } from "../words/pull-progress.ts";
import { tlsArgs } from "../words/tls.ts";

export default defineCommand({
  meta: { name: "push", group: "Images", description: "Upload an image to a registry" },
  args: {
    image: { type: "positional", required: true, description: "NAME or NAME:TAG; its host is the registry" },
    target: { type: "positional", required: false, description: "Push it under this name instead" },
    "all-tags": { type: "boolean", alias: "a", description: "Push every tag of the repository" },
    quiet: { type: "boolean", alias: "q", description: "Show no progress, only the full name" },
    compression: {
      type: "string",
      empty: "checked",
      valueHint: "format",
      description: "Compress layers anew: gzip, zstd or none (as they came; gzip if they came as no blob)",
    },
    ...tlsArgs,
  },
  examples: [
    "tinydocker push registry.example:5000/app:1",
    "tinydocker push --compression zstd app:1 localhost:5000/app:1",
  ],
  run: async (
    { image, target, "all-tags": allTags = false, quiet, compression, "tls-verify": verifyTls },
    { root },
  ) => {
    requireRoot("pushing images");
    const wanted = compressions.find((one) => one === compression);
    if (compression !== undefined && wanted === undefined)
      throw new UsageError(`--compression: ${JSON.stringify(compression)} is not supported`, compressions.join(", "));
    if (allTags && target !== undefined) throw new UsageError("--all-tags takes one name");
    const named = target ?? image;
    if (!quiet && !allTags && !/:[^/]*$/.test(named)) printLine("Using default tag: latest");
    const shown = quiet ? quietPull() : showPull(1);
    const report: PushReport = {
      begin: (repository) => {
        if (!quiet) printLine(`The push refers to repository [${plain(repository)}]`);
      },
      layer: shown.layer,
      end(tag, { digest, size }) {
        shown.close();
        if (!quiet) printLine(`${plain(tag)}: digest: ${digest} size: ${size}`);
      },
      notice: shown.notice,
    };
    const pushing = push(pathsOf(root), { image, target, allTags, compression: wanted, verifyTls }, report);
    const names = await pushing.finally(shown.close);
    if (quiet) printDone(`${named} is pushed`, () => names.map(plain).forEach(printLine));
    return 0;
  },
});
