/** The state roots of releases, as their own binaries have left them (make.ts). */

import { globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Stands in records for the directory in which the state root was made. */
export const placeholder = "@DIRECTORY@";

/** Releases that have one. */
export const releases = globSync("*.tar.gz", { cwd: import.meta.dir })
  .map((name) => name.replace(".tar.gz", ""))
  .sort();

/** Files that hold absolute paths. */
export const recordsIn = (root: string): string[] =>
  globSync(["containers/*/*.json", "running/*", "sources/*"], { cwd: root }).map((name) => join(root, name));

/** Puts a release's state root where `directory` is, as if it had always been there. */
export function unpackStateRoot(release: string, directory: string): void {
  mkdirSync(directory, { recursive: true });
  const archive = join(import.meta.dir, `${release}.tar.gz`);
  const tar = Bun.spawnSync([
    "tar",
    "--xattrs",
    "--xattrs-include=*",
    "--numeric-owner",
    "-C",
    directory,
    "-xzpf",
    archive,
  ]);
  if (tar.exitCode !== 0) throw new Error(tar.stderr.toString());
  for (const path of recordsIn(join(directory, "root")))
    writeFileSync(path, readFileSync(path, "utf8").replaceAll(placeholder, directory));
}
