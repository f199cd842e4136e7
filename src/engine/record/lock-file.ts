/** What is in `running/<id>`, the lock file of a container that runs: what there is to clean up if whoever holds it is killed. */

import type { Paths } from "../../paths.ts";
import type { CleanupRecord } from "../../plan/cleanup-record.ts";
import type { RuntimeCall } from "../../plan/rare/external.ts";
import { readRecordFile, type Unreadable } from "../../record-file.ts";
import { flag, kindOf, list, object, optional, parseRecord, salvage, text } from "../../schema.ts";
import { nameOf } from "./container-name.ts";
import { connected } from "./network-kind.ts";

/** Written by runtime/host.ts. */
export const lockFileKind = kindOf<CleanupRecord>({
  id: text,
  namePath: optional(text),
  cgroup: optional(text),
  directory: text,
  keep: flag,
  outlives: flag,
  volumes: optional(list(text)),
  network: optional(connected),
  ids: optional(list(text)),
  runtime: optional(object<RuntimeCall>(() => ({ name: text, path: text, args: list(text), root: text, id: text }))),
});

/**
 * What is left of a container; undefined where whoever holds the file has nothing to clean up. Of a file that is damaged what
 * can be read of it: the rest is asked of the container itself, and nothing of it is removed.
 */
export function parseLockFile(paths: Paths, id: string, content: string | Unreadable): CleanupRecord | undefined {
  if (content === "") return undefined;
  const { value, rest } = parseRecord(lockFileKind, content, id);
  if (value) return value;
  const name = nameOf(paths, id);
  const place = {
    id,
    directory: `${paths.containers}/${id}`,
    ...(name !== undefined && { namePath: `${paths.names}/${name}` }),
  };
  return { ...salvage(lockFileKind, rest, { ...place, keep: true, outlives: true }), ...place };
}

/** The same of a container that runs. */
export const readLockFile = (paths: Paths, id: string): CleanupRecord | undefined =>
  parseLockFile(paths, id, readRecordFile(`${paths.running}/${id}`) ?? "");
