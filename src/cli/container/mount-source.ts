/** What the source of a mount means: a path of the host, or the name of a volume. Pure. */

import { UsageError } from "../../errors.ts";
import { absolutePath } from "../../paths.ts";
import { isVolumeName } from "../../plan/mounts.ts";

/** Absolute, or beginning with a dot; undefined for a bare word, which is the name of a volume. */
export function asHostPath(path: string, cwd: string): string | undefined {
  if (path.startsWith("/")) return path;
  return /^\.\.?(\/|$)/.test(path) ? resolveDots(absolutePath(path, cwd), cwd) : undefined;
}

/** Those that a path begins with: there are no links in the name of a working directory. */
function resolveDots(path: string, cwd: string): string {
  let directory = cwd === "/" ? "" : cwd;
  let rest = path.slice(cwd.length).replace(/^\/+/, "");
  for (let dots = leading.exec(rest); dots; dots = leading.exec(rest)) {
    if (dots[1] === "..") directory = directory.slice(0, Math.max(0, directory.lastIndexOf("/")));
    rest = rest.slice(dots[0].length);
  }
  return `${directory}${rest && `/${rest}`}` || "/";
}

const leading = /^(\.\.?)(?:\/+|$)/;

/** The source of a volume: its name, or none. */
export function volumeSource(option: string, name: string): { source?: string } {
  if (name === "") return {};
  if (isVolumeName(name)) return { source: name };
  const hint = `at least two of a-z A-Z 0-9 _ . -, beginning with a letter or digit; for a directory here: ./${name}`;
  throw new UsageError(`${option}: ${JSON.stringify(name)} is not a valid volume name`, hint);
}
