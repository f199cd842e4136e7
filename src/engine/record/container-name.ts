/** The names of containers: `names/<name>` has the id of the one that is called so. */

import { readdir } from "../../linux/directory.ts";
import type { Paths } from "../../paths.ts";
import { idIn } from "../../runtime/name-file.ts";

/** Of a container when nobody knows any more when it was made. */
export const unknownTime = "1970-01-01T00:00:00Z";

/** The id of the container that has a name; undefined where nobody has, and where the file of the name is damaged. */
export const readName = (paths: Paths, name: string): string | undefined => idIn(`${paths.names}/${name}`);

/** The name that leads to a container. */
export const nameOf = (paths: Paths, id: string): string | undefined =>
  (readdir(paths.names) ?? []).find((name) => readName(paths, name) === id);
