/** Limits as the kernel takes them: lines in the files of a cgroup. */

import { hasCode, UnsupportedError } from "../errors.ts";
import { readCgroupFile } from "../linux/cgroup.ts";
import { readdir } from "../linux/directory.ts";
import { readFile, readFileIfAny, writeSetting } from "../linux/file.ts";
import { statIfAny } from "../linux/stat.ts";
import { commonCgroup } from "../plan/cgroup.ts";
import type { LimitStep } from "../plan/host-step.ts";

/** Writes a limit into those of its files that this kernel has. @throws UnsupportedError where it has none, and needs one. */
export function writeLimit({ file, value, or, optional, summed }: Omit<LimitStep, "do" | "why">): void {
  if (or) {
    writeWhatIsThere([{ file, value }, or]);
    return;
  }
  try {
    writeSetting(file, value);
  } catch (error) {
    if (!(optional && hasCode(error, "ENOENT"))) throw error;
  }
  if (summed) sumAbove(file);
}

/**
 * The kernel leaves a cgroup no more than what is reserved for those above it, so the one that is above all containers has
 * what they have together; one of the user's stays as it is.
 * @see https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files
 */
function sumAbove(file: string): void {
  const above = dirname(dirname(file));
  const name = file.slice(dirname(file).length + 1);
  if (!above.endsWith(commonCgroup)) return;
  const reserved = (readdir(above, "directories") ?? []).map((container) =>
    Number(readCgroupFile(`${above}/${container}`, name) ?? 0),
  );
  const sum = reserved.reduce((all, bytes) => all + bytes, 0);
  // Somebody has said "max" by hand.
  writeSetting(`${above}/${name}`, Number.isNaN(sum) ? "max" : String(sum));
}

const dirname = (path: string): string => path.slice(0, path.lastIndexOf("/"));

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
