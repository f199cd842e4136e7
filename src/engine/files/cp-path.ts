/** The paths of `cp`, on the host and in a container: what they name, and what a copy of them will be called. */

import { ConflictError, hasCode, NotFoundError } from "../../errors.ts";
import { openAt, openInRoot, readlinkAt } from "../../linux/at.ts";
import { type ByteName, byteName, byteNameOf } from "../../linux/byte-name.ts";
import { cwd, type Fd, O_DIRECTORY, O_NOFOLLOW, O_PATH, O_RDONLY, owned } from "../../linux/file.ts";
import { fstat, type Stat } from "../../linux/stat.ts";

/** A side of a copy. */
export interface Side {
  /** The container's root, which no path leads out of (docs/security.md R25); absent for the host. */
  root?: Fd;
  /** As errors call a path of it. */
  describe(path: string): string;
}

function openPath({ root }: Side, path: ByteName, flags: number): Fd {
  return root === undefined ? openAt(cwd, path === "" ? byteName`.` : path, flags) : openInRoot(root, path, flags);
}

/** What is to be copied. */
export interface Source {
  /** O_PATH. */
  fd: Fd;
  stat: Stat;
  /** What its copy in a directory is called; absent for `dir/.` and `/`, of which only the content goes there. */
  name?: ByteName;
}

/**
 * Docker's rules: a symbolic link is copied itself, unless `follow` or a slash after it asks for what it leads to; a slash says
 * that it is a directory.
 * @throws NotFoundError, ConflictError for a slash after what is not a directory
 */
export function openSource(side: Side, path: string, follow: boolean): Source {
  const flags = O_PATH | (assertsDirectory(path) ? O_DIRECTORY : follow ? 0 : O_NOFOLLOW);
  using file = owned(found(side, path, () => openPath(side, byteNameOf(path), flags)));
  const [, name] = split(byteNameOf(path.replace(/\/+$/, "")));
  const stat = fstat(file.fd);
  return { fd: file.handOff(), stat, ...(isName(name) && { name }) };
}

/** Where a copy goes: into an open directory, under a name; without one, the content of the source goes into it. */
export interface Target {
  directory: Fd;
  name?: ByteName;
}

/**
 * Docker's rules: into a directory that is there; otherwise the last name is the copy's, and its parent must be there. Symbolic
 * links are followed, the last one too.
 * @throws NotFoundError, ConflictError
 */
export function openTarget(side: Side, path: string, source: Pick<Source, "stat" | "name">): Target {
  const isDirectory = source.stat.type === "directory";
  const into = (directory: Fd): Target => ({ directory, ...(source.name !== undefined && { name: source.name }) });
  const { directory, name, stat } = resolveLast(side, path);
  if (name === undefined) return into(directory);
  using parent = owned(directory);
  if (stat?.type === "directory") return into(openAt(parent.fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  const shown = side.describe(path);
  if (stat && isDirectory) throw new ConflictError(`cannot copy a directory over ${shown}, which is not one`);
  if (stat && assertsDirectory(path)) throw new ConflictError(`${shown} is not a directory`);
  if (stat && side.root === undefined && stat.type !== "file")
    throw new ConflictError(`cannot copy over ${shown}: it is not a file`);
  if (!stat && assertsDirectory(path) && !isDirectory) throw new NotFoundError(`no such directory: ${shown}`);
  return { directory: parent.handOff(), name };
}

/** A slash at the end says that a path is a directory. */
const assertsDirectory = (path: string): boolean => /(^|\/)\.{0,2}$/.test(path);

const isName = (name: ByteName): boolean => name !== "" && name !== "." && name !== "..";

function split(path: ByteName): [parent: ByteName, name: ByteName] {
  const slash = path.lastIndexOf("/");
  return [slash === 0 ? byteName`/` : path.slice(0, Math.max(slash, 0)), path.slice(slash + 1)];
}

/** An existing directory, as the target of a tar. @throws NotFoundError, ConflictError */
export const openDirectory = (side: Side, path: string): Fd =>
  found(side, path, () => openPath(side, byteNameOf(path), O_RDONLY | O_DIRECTORY));

const maxLinks = 40; // as path_resolution(7)

interface Last {
  directory: Fd;
  /** Absent for a path that is the directory itself: it ends in "..", or is the root. */
  name?: ByteName;
  /** Absent where there is nothing of that name. */
  stat?: Stat;
}

/** The directory and the name that a path means in the end, through a symbolic link that may lead to nothing yet. */
function resolveLast(side: Side, path: string): Last {
  let current = byteNameOf(path);
  for (let links = 0; links < maxLinks; links++) {
    const [parent, name] = split(current.replace(/(\/\.?)+$/, ""));
    const open = (what: ByteName) => found(side, path, () => openPath(side, what, O_RDONLY | O_DIRECTORY));
    // Never by its parent: the parent of a container's root is on the host.
    if (!isName(name)) return { directory: open(current) };
    using directory = owned(open(parent));
    const stat = statName(directory.fd, name);
    if (stat?.type !== "symlink") return { directory: directory.handOff(), name, ...(stat && { stat }) };
    const target = readlinkAt(directory.fd, name);
    current = target.startsWith("/") ? target : byteName`${parent === "" ? byteName`.` : parent}/${target}`;
  }
  throw new ConflictError(`${side.describe(path)} leads through too many symbolic links`);
}

function statName(directory: Fd, name: ByteName): Stat | undefined {
  try {
    using file = owned(openAt(directory, name, O_PATH | O_NOFOLLOW));
    return fstat(file.fd);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

function found<Result>(side: Side, path: string, open: () => Result): Result {
  try {
    return open();
  } catch (error) {
    if (hasCode(error, "ENOENT")) throw new NotFoundError(`could not find ${side.describe(path)}`);
    if (hasCode(error, "ENOTDIR")) throw new ConflictError(`${side.describe(path)} is not a directory`);
    throw error;
  }
}
