/** `tinydocker rm`: removes containers. */

import { removeContainer } from "../../engine/container/remove.ts";
import { NotFoundError } from "../../errors.ts";
import { defineCommand } from "../words/command.ts";
import { printLine } from "../words/print.ts";
import { containerOperand, forEachContainer } from "./for-each.ts";

export default defineCommand({
  meta: { name: "rm", group: "Run", description: "Remove containers" },
  args: {
    container: containerOperand,
    force: { type: "boolean", alias: "f", description: "Kill running containers" },
    volumes: { type: "boolean", alias: "v", description: "Also remove anonymous volumes of the containers" },
  },
  examples: ["tinydocker rm my-container", "tinydocker rm -f -v web"],
  run: ({ container, force = false, volumes = false }, { root }) =>
    forEachContainer(
      root,
      container,
      (paths, found, reference) => {
        removeContainer(paths, found, { force, volumes });
        printLine(reference);
      },
      { damaged: true, forgives: (failure) => force && failure instanceof NotFoundError },
    ),
});
