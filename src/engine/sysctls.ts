/** Settings of the host that networks have changed, to be given back when there is none any more. */

import { readFileIfAny, unlink, writeFileAtomic } from "../linux/file.ts";
import { restoreSysctls, type SysctlChange } from "../linux/sysctl.ts";
import type { Paths } from "../paths.ts";

const noteFile = (paths: Paths): string => `${paths.networks}/.sysctls`;

/** Writes down what was changed; of a setting the first note counts. */
export function noteSysctls(paths: Paths, changes: SysctlChange[]): void {
  const noted = readNotes(paths);
  const more = changes.filter(({ name }) => !noted.some((note) => note.name === name));
  if (more.length > 0) writeFileAtomic(noteFile(paths), JSON.stringify([...noted, ...more]));
}

/** Gives them back. */
export function giveBackSysctls(paths: Paths): void {
  restoreSysctls(readNotes(paths));
  unlink(noteFile(paths));
}

function readNotes(paths: Paths): SysctlChange[] {
  try {
    return JSON.parse(readFileIfAny(noteFile(paths)) ?? "[]");
  } catch {
    return []; // it was damaged: nothing is known, and nothing is touched
  }
}
