/**
 * A directory as all layers on top of each other show it, by overlayfs's rules: what a layer has hides what is below, but for
 * directories, which are merged until one of them is opaque. Goes down name by name, with one descriptor for each layer.
 */

import { hasCode } from "../errors.ts";
import { openAt, readlinkAt } from "../linux/at.ts";
import { type ByteName, byteName } from "../linux/byte-name.ts";
import { close, type Fd, O_DIRECTORY, O_NOFOLLOW, O_PATH, O_RDONLY, owned } from "../linux/file.ts";
import { fstat, type Stat } from "../linux/stat.ts";
import { isOpaque, isWhiteout } from "./overlay.ts";

/** Something that exists in one of the layers: in which (by descriptor), where without symbolic links, and what. */
export interface Found {
  layer: Fd;
  path: ByteName;
  stat: Stat;
}

export interface View {
  /** Where it is, without symbolic links; "" is the root. */
  readonly path: ByteName;
  /** The directory of the layer itself, if it has one here. */
  readonly own: Fd | undefined;
  pathOf(name: ByteName): ByteName;
  /** What a name shows; undefined for nothing, or what is deleted. */
  look(name: ByteName): Stat | undefined;
  /** The same, and the layer that it is in. */
  find(name: ByteName): Found | undefined;
  /** True if the layer itself has a directory of that name. */
  isOwn(name: ByteName): boolean;
  readlink(name: ByteName): ByteName;
  /** Goes into a directory. */
  enter(name: ByteName): void;
  /** Goes to the directory above. */
  leave(): void;
  /** Goes to a directory by its path, which leads through no symbolic link. */
  goTo(path: ByteName): void;
  [Symbol.dispose](): void;
}

/** A directory of one layer that shows through. */
interface Showing {
  /** Of the layer, from the top; 0 is the layer itself. */
  index: number;
  fd: Fd;
}

/** @param roots of the layers, the layer itself first, then those below from the top down. They stay open. */
export function openView(roots: readonly Fd[]): View {
  const start: Showing[] = roots.map((fd, index) => ({ index, fd }));
  let showing = start;
  let names: ByteName[] = [];

  const closeShowing = () => {
    if (showing !== start) for (const { fd } of showing) close(fd);
  };
  const path = () => join(names);

  /** The layer whose entry is seen, from the top down. */
  function top(name: ByteName): { in: Showing; stat: Stat } | undefined {
    for (const one of showing) {
      const stat = statAt(one.fd, name);
      if (stat) return isWhiteout(stat) ? undefined : { in: one, stat };
    }
    return undefined;
  }

  function enter(name: ByteName): void {
    const next: Showing[] = [];
    for (const { index, fd } of showing) {
      const opened = openDirectory(fd, name);
      if (opened === undefined) continue;
      if (opened === "hides") break;
      next.push({ index, fd: opened });
      if (isOpaque(opened)) break;
    }
    closeShowing();
    showing = next;
    names.push(name);
  }

  function goTo(to: ByteName): void {
    closeShowing();
    showing = start;
    names = [];
    for (const name of to.split("/")) if (name !== "") enter(name);
  }

  return {
    get path() {
      return path();
    },
    get own() {
      return showing[0]?.index === 0 ? showing[0].fd : undefined;
    },
    pathOf: (name) => join([...names, name]),
    look: (name) => top(name)?.stat,
    find(name) {
      const found = top(name);
      return found && { layer: roots[found.in.index]!, path: join([...names, name]), stat: found.stat };
    },
    isOwn(name) {
      const found = top(name);
      return found?.in.index === 0 && found.stat.type === "directory";
    },
    readlink: (name) => readlinkAt(top(name)!.in.fd, name),
    enter,
    leave: () => goTo(join(names.slice(0, -1))),
    goTo,
    [Symbol.dispose]: closeShowing,
  };
}

const join = (names: ByteName[]): ByteName => {
  let path = names[0] ?? byteName``;
  for (let at = 1; at < names.length; at++) path = byteName`${path}/${names[at]!}`;
  return path;
};

/** "hides" for what is no directory: nothing of the layers below is seen through it. */
function openDirectory(parent: Fd, name: ByteName): Fd | "hides" | undefined {
  try {
    return openAt(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    if (hasCode(error, "ENOTDIR", "ELOOP")) return "hides";
    throw error;
  }
}

/** What has a name in a directory of a layer; symbolic links are not followed. */
export function statAt(directory: Fd, name: ByteName, path = name): Stat | undefined {
  try {
    using entry = owned(openAt(directory, name, O_PATH | O_NOFOLLOW, path));
    return fstat(entry.fd);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}
