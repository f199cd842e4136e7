/** What stands in the file of a name. */

import { readableRecord } from "../record-file.ts";

/** Where containers and the lock files of those that run are, by their ids: they tell whether somebody has a name. */
export interface Owners {
  containers: string;
  running: string;
}

/** The id in the file of a name; undefined where there is none, or nothing that is an id. */
export function idIn(path: string): string | undefined {
  const text = readableRecord(path);
  return text !== undefined && /^[0-9a-f]{64}$/.test(text) ? text : undefined;
}
