/**
 * The directories that entries of a layer are created in: resolved inside the layer, and where the layer does not have them
 * (a layer with `tmp/f` but no `tmp/`), made like the ones in the layers below, through the symbolic links of those.
 */

import { hasCode, InvalidError } from "../errors.ts";
import {
  type ByteName,
  byteName,
  fchmod,
  fchown,
  fgetxattr,
  fsetxattr,
  mkdirAt,
  openAt,
  openInRoot,
  openInRootIfAny,
  readlinkAt,
  type Time,
  textOf,
} from "../linux/at.ts";
import {
  close,
  type Fd,
  fstat,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  open,
  owned,
  type Stat,
} from "../linux/file.ts";
import { joinNames } from "./entry-path.ts";

export interface Parents {
  /** A descriptor of the directory, which exists from now on. It stays valid until 100 others were asked for. */
  open(path: ByteName): Fd;
  /** Hands over an open directory that was just created. */
  adopt(path: ByteName, fd: Fd): void;
  /** A name was replaced: what was resolved through it may lie elsewhere now. */
  forget(): void;
  /** Where a path is seen with all layers on top of each other, without following a last symbolic link. */
  find(path: ByteName): Found | undefined;
  /** What the layers below show in their root directories. */
  lowerNames(list: (root: Fd) => ByteName[]): Set<ByteName>;
  close(): void;
}

/** Something that exists in one of the layers: in which (by descriptor), where without symbolic links, and what. */
export interface Found {
  layer: Fd;
  path: ByteName;
  stat: Stat;
}

const opaqueKey = byteName`trusted.overlay.opaque`;
const yes = new TextEncoder().encode("y");

/** Nothing of the layers below shines through this directory. */
export const makeOpaque = (fd: Fd, subject: ByteName): void => fsetxattr(fd, opaqueKey, yes, subject);

/** overlayfs's sign that a name of the layers below is deleted. */
export const isWhiteout = (stat: Stat): boolean => stat.type === "char" && stat.rdev === "0:0";

const maxOpen = 128;
const maxLinks = 40; // as path_resolution(7)

/**
 * @param directory the layer's, open
 * @param lowers the layers below, bottom first
 * @param onCreate hears of directories made here, so that they get their times when everything is in them
 */
export function openParents(
  directory: Fd,
  lowers: readonly string[],
  onCreate: (path: ByteName, like: Time | undefined) => void,
): Parents {
  const root = directory as Fd;
  const cache = new Map<ByteName, Fd>();
  let lowerRoots: Fd[] | undefined; // top first, after the layer itself

  const layers = (): Fd[] => {
    lowerRoots ??= lowers.map((path) => open(path, O_PATH | O_DIRECTORY)).reverse();
    return [root, ...lowerRoots];
  };

  function remember(path: ByteName, fd: Fd): Fd {
    const known = cache.get(path);
    if (known !== undefined && known !== fd) close(known);
    cache.delete(path);
    cache.set(path, fd);
    if (cache.size > maxOpen) {
      const [oldest, oldestFd] = cache.entries().next().value as [ByteName, Fd];
      cache.delete(oldest);
      close(oldestFd);
    }
    return fd;
  }

  function openDirectory(path: ByteName): Fd {
    try {
      return openInRoot(root, path, O_RDONLY | O_DIRECTORY);
    } catch (error) {
      if (hasCode(error, "ENOTDIR", "ELOOP"))
        throw new InvalidError(`${textOf(path)} is used as a directory but is none`);
      if (!hasCode(error, "ENOENT")) throw error;
      return openInRoot(root, walk(path, true) ?? path, O_RDONLY | O_DIRECTORY);
    }
  }

  /** The path without symbolic links, in the view of all layers. Makes directories of the layer on the way, if asked to. */
  function walk(path: ByteName, make: boolean): ByteName | undefined {
    const pending = path.split("/").reverse();
    let done: ByteName[] = [];
    for (let links = 0; pending.length > 0; ) {
      const name = pending.pop()!;
      if (name === "" || name === ".") continue;
      if (name === "..") {
        done.pop();
        continue;
      }
      const here = joinNames([...done, name]);
      const found = look(here);
      if (found?.stat.type === "symlink") {
        if (++links > maxLinks) throw new InvalidError(`${textOf(path)} leads through too many symbolic links`);
        const target = readTarget(found);
        if (target.startsWith("/")) done = [];
        pending.push(...target.split("/").reverse());
        continue;
      }
      if (found && found.stat.type !== "directory")
        throw new InvalidError(`${textOf(path)} is used as a directory, but ${textOf(here)} is none`);
      if (!found && !make) return undefined;
      if (make && found?.layer !== root) makeDirectory(joinNames(done), name, here, found?.stat);
      done.push(name);
    }
    return joinNames(done);
  }

  function readTarget({ layer, path }: Found): ByteName {
    const slash = path.lastIndexOf("/");
    using parent = owned(openInRoot(layer, path.slice(0, Math.max(slash, 0)), O_PATH | O_DIRECTORY, false));
    return readlinkAt(parent.fd, path.slice(slash + 1), path);
  }

  function makeDirectory(parentPath: ByteName, name: ByteName, path: ByteName, like: Stat | undefined): void {
    using parent = owned(openInRoot(root, parentPath, O_RDONLY | O_DIRECTORY, false));
    mkdirAt(parent.fd, name, 0o700, path);
    using made = owned(openAt(parent.fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, path));
    fchown(made.fd, like?.uid ?? 0, like?.gid ?? 0, path);
    fchmod(made.fd, like?.mode ?? 0o755, path);
    onCreate(path, like && timeOf(like.mtimeNs));
  }

  /** Looks a path without symbolic links up from the top layer down, with overlayfs's rules. */
  function look(path: ByteName): Found | undefined {
    for (const layer of layers()) {
      const stat = statIn(layer, path);
      if (stat === "hidden") return undefined;
      if (stat) return isWhiteout(stat) ? undefined : { layer, path, stat };
    }
    return undefined;
  }

  return {
    open(path) {
      return remember(path, cache.get(path) ?? openDirectory(path));
    },
    adopt: remember,
    forget() {
      for (const fd of cache.values()) close(fd);
      cache.clear();
    },
    find(path) {
      const slash = path.lastIndexOf("/");
      const parent = walk(path.slice(0, Math.max(slash, 0)), false);
      return parent === undefined
        ? undefined
        : look(parent === "" ? path.slice(slash + 1) : byteName`${parent}/${path.slice(slash + 1)}`);
    },
    lowerNames(list) {
      return new Set(layers().slice(1).flatMap(list));
    },
    close() {
      this.forget();
      for (const fd of lowerRoots ?? []) close(fd);
    },
  };
}

/** stat(2) within one layer; "hidden" if the layer also hides what lower ones have there. */
function statIn(layer: Fd, path: ByteName): Stat | "hidden" | undefined {
  try {
    using found = owned(openInRoot(layer, path, O_PATH | O_NOFOLLOW, false));
    return fstat(found.fd);
  } catch (error) {
    if (hasCode(error, "ENOTDIR", "ELOOP")) return "hidden"; // a directory of the path is something else here
    if (hasCode(error, "ENOENT")) return hasOpaqueParent(layer, path) ? "hidden" : undefined;
    throw error;
  }
}

function hasOpaqueParent(layer: Fd, path: ByteName): boolean {
  for (let slash = path.lastIndexOf("/"); slash > 0; slash = path.lastIndexOf("/", slash - 1)) {
    using directory = owned(openInRootIfAny(layer, path.slice(0, slash), O_RDONLY | O_DIRECTORY, false));
    if (directory && fgetxattr(directory.fd, opaqueKey)?.[0] === yes[0]) return true;
  }
  return false;
}

/** Nanoseconds since 1970, as stat(2) tells them, for the calls that set times. */
export const timeOf = (ns: bigint): Time => {
  const nanoseconds = ((ns % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  return { seconds: Number((ns - nanoseconds) / 1_000_000_000n), nanoseconds: Number(nanoseconds) };
};
