/** The names of containers: `names/<name>` has the id of the one that is called so. */

import { readdir, readFileIfAny } from "../../linux/file.ts";
import type { Paths } from "../../paths.ts";

/** The name that leads to it. */
export const nameOf = (paths: Paths, id: string): string | undefined =>
  (readdir(paths.names) ?? []).find((name) => readFileIfAny(`${paths.names}/${name}`) === id);
