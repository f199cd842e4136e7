/** Limits as the kernel takes them: lines in the files of a cgroup. */

import { hasCode, UnsupportedError } from "../errors.ts";
import { readFile, readFileIfAny, statIfAny, writeSetting } from "../linux/file.ts";
import type { LimitStep } from "../plan/step.ts";

/** Writes a limit into those of its files that this kernel has. @throws UnsupportedError where it has none, and needs one. */
export function writeLimit({ file, value, or, optional }: Omit<LimitStep, "do" | "why">): void {
  if (or) {
    writeWhatIsThere([{ file, value }, or]);
    return;
  }
  try {
    writeSetting(file, value);
  } catch (error) {
    if (!(optional && hasCode(error, "ENOENT"))) throw error;
  }
}

function writeWhatIsThere(all: { file: string; value: string }[]): void {
  const there = all.filter(({ file }) => statIfAny(file));
  const names = all.map(({ file }) => file.slice(file.lastIndexOf("/") + 1));
  if (there.length === 0)
    throw new UnsupportedError(
      `cannot weigh the disk's input and output: this kernel's cgroups have neither ${names.join(" nor ")}`,
      "it takes the BFQ scheduler (modprobe bfq), or a kernel with CONFIG_BLK_CGROUP_IOCOST",
    );
  for (const { file, value } of there) writeSetting(file, value);
}

/** What takes a change of these limits back: what their files say now. */
export function rememberLimits(limits: Omit<LimitStep, "do" | "why">[]): () => void {
  const before = limits.flatMap(({ file, or }) =>
    [file, ...(or ? [or.file] : [])].flatMap((name) => {
      // The first line is for all disks.
      const value = readFileIfAny(name)?.split("\n")[0];
      if (value === undefined) return [];
      // Of a set that was never said; processes that have one can't be without again.
      return [{ file: name, value: value || readFile(`${name}.effective`).trim() }];
    }),
  );
  return () => {
    for (const { file, value } of before) writeSetting(file, value);
  };
}
