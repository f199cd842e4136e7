/** `tinydocker cp`: files between a container and the host. */

import { recoverIfAllowed } from "../../engine/container/recover.ts";
import { type ContainerPath, copyFromContainer, copyToContainer } from "../../engine/files/cp.ts";
import { requireRoot } from "../../engine/record/root.ts";
import { UsageError } from "../../errors.ts";
import { isatty } from "../../linux/tty.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { humanSize, notice, plain, warn } from "../words/print.ts";
import { showProgress } from "../words/progress.ts";

export default defineCommand({
  meta: {
    name: "cp",
    group: "Run",
    description: "Copy files between a container and the host",
    usage: ["[OPTIONS] CONTAINER:PATH PATH|-", "[OPTIONS] PATH|- CONTAINER:PATH"],
  },
  args: {
    source: {
      type: "positional",
      required: true,
      description: "CONTAINER:PATH, path on the host, or - to read a tar from stdin",
    },
    target: {
      type: "positional",
      required: true,
      description: "Path on the host, CONTAINER:PATH, or - to write a tar to stdout",
    },
    archive: { type: "boolean", alias: "a", description: "Preserve owners, set-user-id bits and devices" },
    "follow-link": { type: "boolean", alias: "L", description: "Follow a symbolic link in SOURCE" },
    quiet: { type: "boolean", alias: "q", description: "Do not show progress, nor how much was copied" },
  },
  examples: [
    "tinydocker cp web:/etc/hosts .",
    "tinydocker cp site/. web:/srv",
    "tinydocker cp web:/var/log - | tar -t",
  ],
  takesSignals: true,
  run: async ({ source, target, archive = false, "follow-link": followLink = false, quiet }, { root }) => {
    requireRoot("copying");
    const paths = pathsOf(root);
    recoverIfAllowed(paths);
    const progress = quiet || target === "-" ? undefined : showProgress(source, "copying");
    const options = {
      archive,
      followLink,
      warn: (text: string) => warn(plain(text)),
      onProgress: (bytes: number) => progress?.update({ layer: 1, ofLayers: 1, bytes, totalBytes: 0 }),
    };
    const [from, to] = [parse(source), parse(target)];
    if (from && to)
      throw new UsageError(
        "copying between containers is not supported",
        "copy to the host first, or by: cp A:PATH - | tinydocker cp - B:PATH",
      );
    const copying = from
      ? copyFromContainer(paths, from, target, options)
      : to && copyToContainer(paths, source, to, options);
    if (!copying) throw new UsageError("neither SOURCE nor TARGET is in a container", "CONTAINER:PATH");
    const bytes = await copying.finally(() => progress?.done());
    if (!quiet && target !== "-" && isatty(2)) notice(`Successfully copied ${humanSize(bytes)} to ${plain(target)}`);
    return 0;
  },
});

/** Docker's rule: a path here is absolute, begins with a dot, or has no colon. */
function parse(word: string): ContainerPath | undefined {
  const colon = word.indexOf(":");
  if (colon < 1 || /^[./]/.test(word)) return undefined;
  if (colon === word.length - 1) throw new UsageError(`${word} names no path in the container`, `${word}/ is its root`);
  return { container: word.slice(0, colon), path: word.slice(colon + 1) };
}
