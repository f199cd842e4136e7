/** What a container has added, changed and deleted: its writable layer against those below. */

import { hasCode } from "../../errors.ts";
import { isWhiteout } from "../../image/parents.ts";
import { type ByteName, byteName, fgetxattr, openAt, openInRootIfAny } from "../../linux/at.ts";
import { type Fd, fstat, O_DIRECTORY, O_NOFOLLOW, O_PATH, O_RDONLY, open, owned, type Stat } from "../../linux/file.ts";
import { listAt } from "../../linux/tree.ts";
import type { Paths } from "../../paths.ts";
import { isOfNetwork } from "../network/etc-files.ts";
import { findContainer } from "../record/container.ts";
import { lowersOf, openLayers, upperOf } from "../record/rootfs.ts";

export interface Change {
  kind: "A" | "C" | "D";
  path: ByteName;
}

/** Sorted by path. A directory counts as changed when something in it has, as Docker counts. */
export function diffContainer(paths: Paths, reference: string): Change[] {
  const container = findContainer(paths, reference);
  using upper = owned(open(upperOf(paths, container), O_RDONLY | O_DIRECTORY));
  using lower = owned(openLayers(paths, lowersOf(container)));
  const changes: Change[] = [];

  function directory(fd: Fd, path: ByteName, opaque: boolean): void {
    const names = new Set<ByteName>();
    for (const { name } of listAt(fd, path)) {
      names.add(name);
      entry(fd, name, byteName`${path}/${name}`);
    }
    // Nothing of below shines through: what is not here again is deleted.
    if (opaque)
      for (const name of lowerNames(path))
        if (!names.has(name)) changes.push({ kind: "D", path: byteName`${path}/${name}` });
  }

  function entry(parent: Fd, name: ByteName, path: ByteName): void {
    const now = statAt(parent, name, path);
    if (isOfNetwork(path)) return;
    const before = statBelow(path);
    if (isWhiteout(now)) {
      if (before) changes.push({ kind: "D", path });
      return;
    }
    const at = changes.push({ kind: before ? "C" : "A", path });
    if (now.type !== "directory") return;
    using opened = owned(openAt(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, path));
    const opaque = before?.type === "directory" && fgetxattr(opened.fd, byteName`trusted.overlay.opaque`)?.[0] === 0x79;
    directory(opened.fd, path, opaque);
    // overlayfs copies a directory up to look into it for writing: then nothing has changed.
    if (before && isSameDirectory(before, now) && changes.length === at) changes.pop();
  }

  function statBelow(path: ByteName): Stat | undefined {
    try {
      using found = owned(openInRootIfAny(lower.fd, path, O_PATH | O_NOFOLLOW, false));
      return found && fstat(found.fd);
    } catch (error) {
      if (hasCode(error, "ENOTDIR", "ELOOP")) return undefined; // a directory of the path was something else
      throw error;
    }
  }

  function lowerNames(path: ByteName): ByteName[] {
    using opened = owned(openInRootIfAny(lower.fd, path, O_RDONLY | O_DIRECTORY, false));
    return opened ? listAt(opened.fd, path).map(({ name }) => name) : [];
  }

  directory(upper.fd, byteName``, false);
  return changes.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function statAt(directory: Fd, name: ByteName, path: ByteName): Stat {
  using entry = owned(openAt(directory, name, O_PATH | O_NOFOLLOW, path));
  return fstat(entry.fd);
}

const isSameDirectory = (a: Stat, b: Stat): boolean =>
  a.type === "directory" && a.mode === b.mode && a.uid === b.uid && a.gid === b.gid && a.mtimeNs === b.mtimeNs;
