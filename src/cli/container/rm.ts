/** `tinydocker rm`: removes containers. */

import { removeContainer } from "../../engine/container/remove.ts";
import { requireRoot } from "../../engine/record/root.ts";
import { NotFoundError } from "../../errors.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { forEachName } from "../words/for-each.ts";
import { printLine } from "../words/print.ts";
import { containerOperand, forEachContainer } from "./for-each.ts";

export default defineCommand({
  meta: { name: "rm", group: "Run", description: "Remove containers" },
  args: {
    container: containerOperand,
    force: { type: "boolean", alias: "f", description: "Kill running containers" },
    link: { type: "boolean", alias: "l", description: "Remove links (CONTAINER/ALIAS), not containers" },
    volumes: { type: "boolean", alias: "v", description: "Also remove anonymous volumes of the containers" },
  },
  examples: ["tinydocker rm my-container", "tinydocker rm -f -v web", "tinydocker rm --link web/db"],
  run: ({ container, force = false, volumes = false, link = false }, { root }) => {
    if (link) return removeLinks(root, container);
    return forEachContainer(
      root,
      container,
      (paths, found, reference) => {
        removeContainer(paths, found, { force, volumes });
        printLine(reference);
      },
      { damaged: true, forgives: (failure) => force && failure instanceof NotFoundError },
    );
  },
});

async function removeLinks(root: string, references: string[]): Promise<number> {
  const { removeLink } = await import("../../engine/network/links.ts");
  requireRoot("removing links");
  return await forEachName(references, (reference) => {
    removeLink(pathsOf(root), reference);
    printLine(reference);
  });
}
