/** What a container has added, changed and deleted: its writable layer against those below. */

import { hasCode, UnsupportedError } from "../../errors.ts";
import { maxPath } from "../../image/entry-path.ts";
import { isOpaque, isWhiteout } from "../../image/overlay.ts";
import { openAt, openInRootIfAny } from "../../linux/at.ts";
import { type ByteName, byteName } from "../../linux/byte-name.ts";
import { type Fd, O_DIRECTORY, O_NOFOLLOW, O_PATH, O_RDONLY, open, owned } from "../../linux/file.ts";
import { fstat, type Stat } from "../../linux/stat.ts";
import type { Adapt } from "../../linux/tree/copy.ts";
import { Descent } from "../../linux/tree/descent.ts";
import { listAt } from "../../linux/tree/tree.ts";
import type { Paths } from "../../paths.ts";
import { isOfNetwork } from "../network/etc-files.ts";
import { findContainer } from "../record/container.ts";
import { insideOf, isCopied, lowersOf, openLayers, upperOf } from "../record/rootfs.ts";

export interface Change {
  kind: "A" | "C" | "D";
  path: ByteName;
}

/** Sorted by path. A directory counts as changed when something in it has, as Docker counts. */
export function diffContainer(paths: Paths, reference: string): Change[] {
  const container = findContainer(paths, reference);
  if (isCopied(paths, container.record))
    throw new UnsupportedError(
      `container ${container.record.name} works in a copy of its image: what it changed is not kept apart`,
      "a state root on ext4, xfs or btrfs keeps it: --root",
    );
  using upper = owned(open(upperOf(paths, container), O_RDONLY | O_DIRECTORY));
  using lower = owned(openLayers(paths, lowersOf(container)));
  return changesBelow(upper.fd, lower.fd, insideOf(container)).sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** A directory of the upper layer that is being looked through. */
interface Looked {
  path: ByteName;
  pending: ByteName[];
  /** The change that goes again if nothing in the directory has changed. */
  only: number | undefined;
}

/** @param adapt of owners in the upper layer, where they are not those of the layers below. */
function changesBelow(upper: Fd, lower: Fd, adapt: Adapt | undefined): Change[] {
  const changes: Change[] = [];
  using descent = new Descent(upper, byteName``);
  const open: Looked[] = [{ path: byteName``, pending: namesIn(upper, byteName``), only: undefined }];
  for (let at = open.at(-1); at; at = open.at(-1)) {
    const name = at.pending.pop();
    if (name === undefined) {
      open.pop();
      if (open.length > 0) descent.leave();
      if (changes.length === at.only) changes.pop();
      continue;
    }
    const path = byteName`${at.path}/${name}`;
    if (isOfNetwork(path)) continue;
    const now = statAt(descent.fd, name);
    const before = statBelow(lower, path);
    if (!isWhiteout(now)) changes.push({ kind: before ? "C" : "A", path });
    else if (before) changes.push({ kind: "D", path });
    if (now.type !== "directory" || path.length > maxPath) continue; // no call takes longer ones, and nobody reads them
    // overlayfs copies a directory up to look into it for writing: then nothing has changed.
    const only = before && isSameDirectory(before, now, adapt?.owner(now)) ? changes.length : undefined;
    descent.enter(name, openAt(descent.fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    const pending = namesIn(descent.fd, path);
    if (before?.type === "directory" && isOpaque(descent.fd)) changes.push(...hidden(lower, path, new Set(pending)));
    open.push({ path, pending, only });
  }
  return changes;
}

/** Nothing of below shines through an opaque directory: what is not in it again is deleted. */
const hidden = (lower: Fd, path: ByteName, names: Set<ByteName>): Change[] =>
  lowerNames(lower, path)
    .filter((name) => !names.has(name))
    .map((name) => ({ kind: "D", path: byteName`${path}/${name}` }));

const namesIn = (directory: Fd, path: ByteName): ByteName[] => listAt(directory, path).map(({ name }) => name);

function statBelow(lower: Fd, path: ByteName): Stat | undefined {
  if (path.length > maxPath) return undefined; // no image has such a path
  try {
    using found = owned(openInRootIfAny(lower, path, O_PATH | O_NOFOLLOW, false));
    return found && fstat(found.fd);
  } catch (error) {
    if (hasCode(error, "ENOTDIR", "ELOOP")) return undefined; // a directory of the path was something else
    throw error;
  }
}

function lowerNames(lower: Fd, path: ByteName): ByteName[] {
  using opened = owned(openInRootIfAny(lower, path, O_RDONLY | O_DIRECTORY, false));
  return opened ? namesIn(opened.fd, path) : [];
}

function statAt(directory: Fd, name: ByteName): Stat {
  using entry = owned(openAt(directory, name, O_PATH | O_NOFOLLOW));
  return fstat(entry.fd);
}

const isSameDirectory = (a: Stat, b: Stat, { uid, gid }: { uid: number; gid: number } = b): boolean =>
  a.type === "directory" && a.mode === b.mode && a.uid === uid && a.gid === gid && a.mtimeNs === b.mtimeNs;
