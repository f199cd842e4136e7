/** Settings of the host that networks have changed, to be given back when there is none any more. */

import { readFileIfAny, unlink, writeFileAtomic } from "../../linux/file.ts";
import { restoreSysctls, type SysctlChange } from "../../linux/sysctl.ts";
import type { Paths } from "../../paths.ts";
import { formatRecord, kindOf, list, object, parseRecord, text } from "../../schema.ts";

const noteFile = (paths: Paths): string => `${paths.networks}/.sysctls`;

/** Writes down what was changed; of a setting the first note counts. */
export function noteSysctls(paths: Paths, changes: SysctlChange[]): void {
  const noted = readNotes(paths);
  const more = changes.filter(({ name }) => !noted.some((note) => note.name === name));
  if (more.length > 0) writeFileAtomic(noteFile(paths), formatRecord(notesKind, { changes: [...noted, ...more] }));
}

/** Gives them back. */
export function giveBackSysctls(paths: Paths): void {
  restoreSysctls(readNotes(paths));
  unlink(noteFile(paths));
}

/** Schema 1 was the bare list. */
const notesKind = kindOf<{ changes: SysctlChange[] }>(
  { changes: list(object<SysctlChange>({ name: text, before: text, after: text })) },
  { upgrades: [(changes) => ({ changes })] },
);

/** Where they are damaged nothing is known, and nothing is touched. */
const readNotes = (paths: Paths): SysctlChange[] =>
  parseRecord(notesKind, readFileIfAny(noteFile(paths)), ".sysctls").value?.changes ?? [];
