/**
 * Whiteouts: entries that hide what the layers below have, from the tar's form (`.wh.name`, `.wh..wh..opq`) into overlayfs's.
 * They speak of the layers below only: what a layer has itself stays, wherever in the tar it stands.
 * @see https://github.com/opencontainers/image-spec/blob/main/layer.md#whiteouts
 */

import { InvalidError } from "../errors.ts";
import { openInRoot } from "../linux/at.ts";
import { type ByteName, byteName, textOf } from "../linux/byte-name.ts";
import { type Fd, O_DIRECTORY, O_RDONLY, owned } from "../linux/file.ts";
import { mknodAt } from "../linux/tree/entries.ts";
import { listAt } from "../linux/tree/tree.ts";
import { split } from "./entry-path.ts";
import { makeOpaque } from "./overlay.ts";
import type { Parents } from "./parents.ts";
import { statAt } from "./view.ts";

/** `apply` answers true if the entry was no file of the layer but one of these signs. */
export function createWhiteouts(parents: Parents, hasLowers: boolean): { apply(path: ByteName): boolean } {
  function hide(path: ByteName): void {
    const [directory, sign] = split(path);
    const name = sign.slice(4);
    if (name === "" || name === "." || name === "..")
      throw new InvalidError(`${textOf(path)} is a whiteout of nothing`);
    if (hasLowers) hideName(directory, name);
  }

  function hideName(directory: ByteName, name: ByteName): void {
    const path = directory === "" ? name : byteName`${directory}/${name}`;
    const parent = parents.open(directory);
    const own = statAt(parent, name, path);
    if (!own) mknodAt(parent, name, { type: "char", mode: 0, major: 0, minor: 0 }, path);
    else if (own.type === "directory") makeOpaque(parents.open(path), path);
  }

  function hideAll(directory: ByteName): void {
    if (!hasLowers) return;
    if (directory !== "") {
      makeOpaque(parents.open(directory), directory);
      return;
    }
    // overlayfs does not look at this attribute of a layer's root: hide its names one by one.
    for (const name of parents.lowerNames(namesIn)) hideName(byteName``, name);
  }

  return {
    apply(path) {
      const [directory, name] = split(path);
      if (name === ".wh..wh..opq") hideAll(directory);
      else if (path.startsWith(".wh..wh.") || path.includes("/.wh..wh."))
        return true; // aufs's own records
      else if (name.startsWith(".wh.")) hide(path);
      else return false;
      return true;
    },
  };
}

function namesIn(layer: Fd): ByteName[] {
  using root = owned(openInRoot(layer, byteName``, O_RDONLY | O_DIRECTORY));
  return listAt(root.fd, byteName``).map(({ name }) => name);
}
