/**
 * The directories that entries of a layer are created in: resolved inside the layer, and where the layer does not have them
 * (a layer with `tmp/f` but no `tmp/`), made like the ones in the layers below, through the symbolic links of those.
 */

import { hasCode, InvalidError } from "../errors.ts";
import { mkdirAt, openAt, openInRoot } from "../linux/at.ts";
import { type ByteName, byteName, textOf } from "../linux/byte-name.ts";
import { close, type Fd, O_DIRECTORY, O_NOFOLLOW, O_PATH, O_RDONLY, open, owned } from "../linux/file.ts";
import { fchmod, fchown, type Time, timeOf } from "../linux/tree/metadata.ts";
import { isWhiteout, makeOpaque } from "./overlay.ts";
import { type Found, openView, statAt, type View } from "./view.ts";

export interface Parents {
  /** A descriptor of the directory, which exists from now on. It stays valid until 100 others were asked for. */
  open(path: ByteName): Fd;
  /** Hands over an open directory that was just created. */
  adopt(path: ByteName, fd: Fd): void;
  /** A name was replaced: what was resolved through it may lie elsewhere now. */
  flush(): void;
  /** Where a path is seen with all layers on top of each other, without following a last symbolic link. */
  find(path: ByteName): Found | undefined;
  /** What the layers below show in their root directories. */
  lowerNames(list: (root: Fd) => ByteName[]): Set<ByteName>;
  close(): void;
}

const maxOpen = 128;
const maxLinks = 40; // as path_resolution(7)

export interface ParentsOptions {
  /** The layers below, bottom first. */
  lowers: readonly string[];
  /** Hears of directories made here, so that they get their times when everything is in them. */
  onCreate(path: ByteName, like: Time | undefined): void;
  /** Takes away what the layer itself has in the place of a directory; where it is not given, that is refused. */
  replace?: (parent: Fd, name: ByteName, path: ByteName) => void;
}

/** @param root the layer's directory, open */
export function openParents(root: Fd, { lowers, onCreate, replace }: ParentsOptions): Parents {
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
      if (!hasCode(error, "ENOENT", "ENOTDIR", "ELOOP")) throw error;
      return openInRoot(root, walk(path, true) ?? path, O_RDONLY | O_DIRECTORY);
    }
  }

  /** The path without symbolic links, in the view of all layers. Makes directories of the layer on the way, if asked to. */
  function walk(path: ByteName, make: boolean): ByteName | undefined {
    using view = openView(layers());
    const way: Way = { pending: path.split("/").reverse(), links: 0, link: undefined };
    while (way.pending.length > 0) {
      const name = way.pending.pop()!;
      if (way.link && way.pending.length < way.link.rest) way.link = undefined;
      if (name === "" || name === ".") continue;
      if (name === "..") view.leave();
      else if (!(followLink(view, way, name) || enter(view, way, name, make))) {
        if (!make) return undefined;
        const here = textOf(view.pathOf(name));
        throw new InvalidError(`${textOf(path)} is used as a directory, but ${here} is not one`);
      }
    }
    return view.path;
  }

  /** @returns false where there is no directory, and none was to be made. */
  function enter(view: View, way: Way, name: ByteName, make: boolean): boolean {
    const found = view.look(name);
    const isDirectory = found?.type === "directory";
    if (!isDirectory && (!make || (found && !replace))) return false;
    if (found && !isDirectory && way.link) {
      // A symbolic link that leads to no directory gives way itself, and not what it leads to.
      way.pending.length = way.link.rest;
      view.goTo(way.link.directory);
      const { name: linkName } = way.link;
      way.link = undefined;
      return enterNew(view, linkName);
    }
    if (make && !view.isOwn(name)) return enterNew(view, name);
    view.enter(name);
    return true;
  }

  function enterNew(view: View, name: ByteName): true {
    makeDirectory(view, name, view.pathOf(name));
    view.enter(name);
    return true;
  }

  /** Like the directory of the layers below, if it is one there. */
  function makeDirectory(view: View, name: ByteName, path: ByteName): void {
    const found = view.look(name);
    const like = found?.type === "directory" ? found : undefined;
    const own = statAt(view.own!, name);
    if (own) replace?.(view.own!, name, path);
    mkdirAt(view.own!, name, 0o700, path);
    using made = owned(openAt(view.own!, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, path));
    fchown(made.fd, like?.uid ?? 0, like?.gid ?? 0, path);
    fchmod(made.fd, like?.mode ?? 0o755, path);
    if (own && isWhiteout(own)) makeOpaque(made.fd, path);
    onCreate(path, like && timeOf(like.mtimeNs));
  }

  return {
    open(path) {
      return remember(path, cache.get(path) ?? openDirectory(path));
    },
    adopt: remember,
    flush() {
      for (const fd of cache.values()) close(fd);
      cache.clear();
    },
    find(path) {
      const slash = path.lastIndexOf("/");
      const parent = walk(path.slice(0, Math.max(slash, 0)), false);
      if (parent === undefined) return undefined;
      using view = openView(layers());
      view.goTo(parent);
      return view.find(path.slice(slash + 1));
    },
    lowerNames(list) {
      return new Set(layers().slice(1).flatMap(list));
    },
    close() {
      this.flush();
      for (const fd of lowerRoots ?? []) close(fd);
    },
  };
}

/** A path on its way through the layers. */
interface Way {
  /** What is still to be walked, the next at the end. */
  pending: ByteName[];
  /** Symbolic links that were followed. */
  links: number;
  /** The one that is being followed, where it is, and how much is pending behind it. */
  link: { directory: ByteName; name: ByteName; rest: number } | undefined;
}

/** @returns false for what is no symbolic link, or one too many. */
function followLink(view: View, way: Way, name: ByteName): boolean {
  if (view.look(name)?.type !== "symlink" || ++way.links > maxLinks) return false;
  way.link ??= { directory: view.path, name, rest: way.pending.length };
  const target = view.readlink(name);
  if (target.startsWith("/")) view.goTo(byteName``);
  way.pending.push(...target.split("/").reverse());
  return true;
}
