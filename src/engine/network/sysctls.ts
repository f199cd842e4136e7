/** Settings of the host that networks have changed, to be given back when there is none any more. */

import { writeFileAtomic } from "../../linux/file.ts";
import { unlink } from "../../linux/names.ts";
import { restoreSysctls, type SysctlChange } from "../../linux/sysctl.ts";
import type { Paths } from "../../paths.ts";
import { readRecordFile } from "../../record-file.ts";
import { formatRecord, kindOf, list, object, parseRecord, text } from "../../schema.ts";

const recordPath = (paths: Paths): string => `${paths.networks}/.sysctls`;

/** Writes down what was changed; of a setting the first change counts. */
export function recordSysctls(paths: Paths, changes: SysctlChange[]): void {
  const known = readChanges(paths);
  const more = changes.filter(({ name }) => !known.some((change) => change.name === name));
  if (more.length > 0) writeFileAtomic(recordPath(paths), formatRecord(notesKind, { changes: [...known, ...more] }));
}

/** Gives them back. */
export function restoreHostSysctls(paths: Paths): void {
  restoreSysctls(readChanges(paths));
  unlink(recordPath(paths));
}

/** Schema 1 was the bare list. */
const notesKind = kindOf<{ changes: SysctlChange[] }>(
  { changes: list(object<SysctlChange>({ name: text, before: text, after: text })) },
  { upgrades: [(changes) => ({ changes })] },
);

/** Where they are damaged nothing is known, and nothing is touched. */
const readChanges = (paths: Paths): SysctlChange[] =>
  parseRecord(notesKind, readRecordFile(recordPath(paths)), ".sysctls").value?.changes ?? [];
