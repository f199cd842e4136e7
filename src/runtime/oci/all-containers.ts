/** All containers of a root. */

import { Failure, InvalidError, NotFoundError, UsageError } from "../../errors.ts";
import { readdir } from "../../linux/directory.ts";
import { statIfAny } from "../../linux/stat.ts";
import { removeIfUnfinished } from "./remove.ts";
import { type ContainerState, idPattern, pathsOf, readState } from "./state.ts";

/** All containers, in the order of their ids; what killed creators have left is taken away. One that is damaged is none here. */
export function allContainers(root: string): ContainerState[] {
  const ids = (readdir(root, "directories") ?? []).filter((id) => idPattern.test(id)).sort();
  return ids.flatMap((id) => {
    if (!statIfAny(pathsOf(root, id).state)) {
      // Hooks are left to `delete`, which may have to wait for them.
      if (!statIfAny(pathsOf(root, id).deleted)) removeIfUnfinished(root, id);
      return [];
    }
    try {
      return readState(root, id);
    } catch (error) {
      if (error instanceof NotFoundError || error instanceof InvalidError) return [];
      throw error;
    }
  });
}

/**
 * The containers whose ids have something in them that the expression describes.
 * @throws UsageError for one that is none, or has classes of POSIX (`[[:digit:]]`), which JavaScript would take for letters.
 */
function matchingContainers(root: string, pattern: string): string[] {
  if (/\[[:.=]/.test(pattern))
    throw new UsageError(`--regex: ${pattern} has a class of POSIX`, "[0-9] for [[:digit:]]");
  let expression: RegExp;
  try {
    expression = new RegExp(pattern);
  } catch (error) {
    throw new UsageError(`--regex: ${(error as Error).message}`);
  }
  return allContainers(root)
    .map(({ id }) => id)
    .filter((id) => expression.test(id));
}

/** Does something with each of them; one that fails is warned of, and the others go on, as with crun. */
export function forMatching(
  root: string,
  pattern: string,
  use: (id: string) => void,
  warn: (text: string) => void,
): void {
  for (const id of matchingContainers(root, pattern)) {
    try {
      use(id);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      warn(`${id}: ${error.message}`);
    }
  }
}
