/** What commands for several containers have in common. */

import { recoverIfAllowed } from "../../engine/container/recover.ts";
import { type Container, findAnyContainer, findContainer } from "../../engine/record/container.ts";
import type { Failure } from "../../errors.ts";
import { type Paths, pathsOf } from "../../paths.ts";
import { forEachName } from "../words/for-each.ts";

/** The operand of such a command. */
export const containerOperand = {
  type: "positional",
  multiple: true,
  required: true,
  description: "Container names, ids, or unique id prefixes",
} as const;

/** Does something with each container. @param damaged also with one that is. @param forgives failures that are only told. @returns the exit code: 1 if one failed. */
export async function forEachContainer(
  root: string,
  references: string[],
  use: (paths: Paths, container: Container, reference: string) => void | Promise<void>,
  { damaged = false, forgives }: { damaged?: boolean; forgives?: (failure: Failure) => boolean } = {},
): Promise<number> {
  const paths = pathsOf(root);
  recoverIfAllowed(paths);
  const find = damaged ? findAnyContainer : findContainer;
  return await forEachName(references, (reference) => use(paths, find(paths, reference), reference), forgives);
}
