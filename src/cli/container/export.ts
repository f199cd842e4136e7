/** `tinydocker export`: the files of a container as a tar. */

import { recoverIfAllowed } from "../../engine/container/recover.ts";
import { exportContainer } from "../../engine/files/export.ts";
import { requireRoot } from "../../engine/record/root.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { showProgress } from "../words/progress.ts";

export default defineCommand({
  meta: {
    name: "export",
    group: "Images",
    description: "Export a container's file system as a tar",
  },
  args: {
    container: { type: "positional", required: true, description: "Container name, id, or unique id prefix" },
    output: { type: "string", alias: "o", valueHint: "file", description: "Write to this file instead of stdout" },
    quiet: { type: "boolean", alias: "q", description: "Do not show progress" },
  },
  examples: ["tinydocker export -o web.tar web", "tinydocker export web | tar -t"],
  takesSignals: true,
  run: async ({ container, output, quiet }, { root }) => {
    requireRoot("exporting");
    const paths = pathsOf(root);
    recoverIfAllowed(paths);
    const progress = quiet ? undefined : showProgress(container, "exporting");
    let bytes = 0;
    const exporting = exportContainer(paths, container, output, (count) => {
      bytes += count;
      progress?.update({ layer: 1, ofLayers: 1, bytes, totalBytes: 0 });
    });
    await exporting.finally(() => progress?.done());
    return 0;
  },
});
