/** All containers of a root. */

import { InvalidError, NotFoundError } from "../../errors.ts";
import { readdir } from "../../linux/directory.ts";
import { statIfAny } from "../../linux/stat.ts";
import { removeIfUnfinished } from "./remove.ts";
import { type ContainerState, idPattern, pathsOf, readState } from "./state.ts";

/** All containers, in the order of their ids; what killed creators have left is taken away. One that is damaged is none here. */
export function allContainers(root: string): ContainerState[] {
  const ids = (readdir(root, "directories") ?? []).filter((id) => idPattern.test(id)).sort();
  return ids.flatMap((id) => {
    if (!statIfAny(pathsOf(root, id).state)) {
      removeIfUnfinished(root, id);
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
