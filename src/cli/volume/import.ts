/** `tinydocker volume import`: a tar into a volume. */

import { importVolume } from "../../engine/files/volume.ts";
import { requireRoot } from "../../engine/record/root.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { showProgress } from "../words/progress.ts";

export default defineCommand({
  meta: { name: "volume import", description: "Extract a tar into a volume, beside what is in it" },
  args: {
    volume: { type: "positional", required: true, description: "Volume name" },
    file: { type: "positional", default: "-", description: "Tar, compressed or not; - is stdin" },
    quiet: { type: "boolean", alias: "q", description: "Do not show progress" },
  },
  examples: ["tinydocker volume import data data.tar", "tinydocker volume export old | tinydocker volume import new"],
  takesSignals: true,
  run: async ({ volume, file, quiet }, { root }) => {
    requireRoot("importing into volumes");
    const progress = quiet ? undefined : showProgress(volume, "importing");
    const made = (bytes: number) => progress?.update({ layer: 1, ofLayers: 1, bytes, totalBytes: 0 });
    await importVolume(pathsOf(root), volume, file, made).finally(() => progress?.done());
    return 0;
  },
});
