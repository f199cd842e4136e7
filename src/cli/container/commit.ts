/** `tinydocker commit`: what a container changed becomes an image. */

import { recoverIfAllowed } from "../../engine/container/recover.ts";
import { commit } from "../../engine/files/commit.ts";
import { requireRoot } from "../../engine/record/root.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { printDone, printLine, warn } from "../words/print.ts";
import { showProgress } from "../words/progress.ts";

export default defineCommand({
  meta: { name: "commit", group: "Images", description: "Create an image from a container's changes" },
  args: {
    container: { type: "positional", required: true, description: "Container name, id, or unique id prefix" },
    name: { type: "positional", description: "Name of the new image: REPOSITORY or REPOSITORY:TAG" },
    author: { type: "string", alias: "a", valueHint: "name", description: "Author of the image" },
    message: { type: "string", alias: "m", valueHint: "text", description: "Comment for the image's history" },
    change: {
      type: "string",
      alias: "c",
      multiple: true,
      valueHint: "instruction",
      description: "Apply a Dockerfile instruction to the image",
    },
    pause: {
      type: "boolean",
      alias: "p",
      default: true,
      description: "Pause the container during the commit (default true)",
    },
    quiet: { type: "boolean", alias: "q", description: "Do not show progress" },
  },
  examples: [`tinydocker commit -m "with my tools" -c 'CMD ["sh"]' web web:2`],
  takesSignals: true,
  run: async ({ container, name, author, message, change, pause, quiet }, { root }) => {
    requireRoot("committing");
    const paths = pathsOf(root);
    recoverIfAllowed(paths);
    const progress = quiet ? undefined : showProgress(container, "committing");
    const committing = commit(paths, container, {
      ...(name !== undefined && { reference: name }),
      ...(author !== undefined && { author }),
      ...(message !== undefined && { message }),
      changes: change,
      pause: pause ?? true,
      onProgress: (made) => progress?.update(made),
      warn,
    });
    const id = await committing.finally(() => progress?.done());
    printDone(`${container} is committed`, () => printLine(id));
    return 0;
  },
});
