/** What commands for several containers have in common: one after the other, each failure said, none in the way of the next. */

import { type Container, findContainer } from "../engine/record.ts";
import { recoverIfAllowed } from "../engine/recover.ts";
import { explain, Failure } from "../errors.ts";
import { type Paths, pathsOf } from "../paths.ts";
import { advise, fail } from "./print.ts";

/** The operand of such a command. */
export const containerOperand = {
  type: "positional",
  multiple: true,
  required: true,
  description: "Names, or ids or the beginning of one",
} as const;

/** Does something with each container. @returns the exit code: 1 if one failed. */
export async function forEachContainer(
  root: string,
  references: string[],
  use: (paths: Paths, container: Container, reference: string) => void | Promise<void>,
): Promise<number> {
  const paths = pathsOf(root);
  recoverIfAllowed(paths);
  let code = 0;
  for (const reference of references) {
    try {
      await use(paths, findContainer(paths, reference), reference);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      const { text, hint } = explain(error);
      fail(text);
      if (hint) advise(hint);
      code = 1;
    }
  }
  return code;
}
