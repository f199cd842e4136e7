/** `tinydocker volume export`: what is in a volume as a tar. */

import { exportVolume } from "../../engine/files/volume.ts";
import { requireRoot } from "../../engine/record/root.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { showProgress } from "../words/progress.ts";

export default defineCommand({
  meta: { name: "volume export", description: "Export what is in a volume as a tar" },
  args: {
    volume: { type: "positional", required: true, description: "Volume name" },
    output: { type: "string", alias: "o", valueHint: "file", description: "Write to this file instead of stdout" },
    quiet: { type: "boolean", alias: "q", description: "Do not show progress" },
  },
  examples: ["tinydocker volume export -o data.tar data", "tinydocker volume export data | ssh backup 'cat >data.tar'"],
  takesSignals: true,
  run: async ({ volume, output, quiet }, { root }) => {
    requireRoot("exporting volumes");
    const progress = quiet ? undefined : showProgress(volume, "exporting");
    const made = (bytes: number) => progress?.update({ layer: 1, ofLayers: 1, bytes, totalBytes: 0 });
    await exportVolume(pathsOf(root), volume, output, made).finally(() => progress?.done());
    return 0;
  },
});
