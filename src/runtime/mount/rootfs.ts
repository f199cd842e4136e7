/** The root of a container, a detached mount of its image's layers: made by the host's side, attached by init. */

import { hasCode, SyscallError } from "../../errors.ts";
import { type Fd, O_DIRECTORY, O_PATH, open, owned } from "../../linux/file.ts";
import { chdir, fchdir, fsmount, mount, openTree } from "../../linux/mount.ts";
import type { Adapt } from "../../linux/tree/copy.ts";
import type { Ids } from "../userns/ids.ts";

/** Layers of an image, the topmost first, below one writable directory; without that directory they are shown read-only. */
export interface Overlay {
  lower: readonly string[];
  upper?: string;
  work?: string;
  /**
   * Nothing of it is to outlive a crash: fsync(2) and the end of the mount write nothing to the disk, where they would write
   * all that the whole file system has to write. The writable directory can't be mounted once more.
   */
  volatile?: boolean;
  /** What all its files are to SELinux. */
  label?: string;
}

/** Longer strings fsconfig(2) does not take. */
const longestOption = 255;

/**
 * The layers as one file system, attached nowhere. Paths are relative to the directory that they have in common, so that what
 * the container reads in /proc/self/mountinfo tells nothing of the host.
 * @param mounts the layers as mounts instead (runtime/userns/layers.ts).
 */
export function makeOverlay({ lower, upper, work, volatile, label }: Overlay, mounts?: readonly Fd[]): Fd {
  const writable = upper === undefined || work === undefined ? [] : [upper, work];
  const base = commonDirectory([...lower, ...writable]);
  const relative = (path: string) => path.slice(base.length);
  const escaped = (path: string) => relative(path).replace(/\\/g, "\\\\");
  const above = writable.length > 0 ? [`upperdir=${escaped(upper!)}`, `workdir=${escaped(work!)}`] : [];
  if (volatile) above.push("volatile");
  if (label) above.push(`context=${label}`);
  const options = [...(mounts ? [] : lower.map((path) => `lowerdir+=${relative(path)}`)), ...above];
  const opened = mounts?.map((fd) => ({ key: "lowerdir+", fd }));
  using here = owned(open(".", O_PATH | O_DIRECTORY));
  let refused: SyscallError | undefined;
  try {
    chdir(base);
    try {
      if (options.every((option) => option.length <= longestOption))
        return fsmount("overlay", "overlay", options, opened);
    } catch (error) {
      // Before Linux 6.5 layers can't be given one by one, which some kernels say only when the file system is made of them.
      if (mounts || !hasCode(error, "EINVAL")) throw error;
      refused = error;
    }
    if (mounts) throw new SyscallError("mount", "layers", "EINVAL", "a path is too long");
    return makeOverlayByPath(lower.map(relative), above, base);
  } catch (error) {
    // More layers than a page holds are cut off in the middle of a name.
    const why = refused && hasCode(error, "ENOENT") ? refused : error;
    if (!hasCode(why, "EINVAL")) throw why;
    throw why.withHint(
      "the state root may lie on a file system that overlayfs can't write to (another overlay, NFS), or inside the image's own directory: choose one with --root",
    );
  } finally {
    fchdir(here.fd);
  }
}

/**
 * The root of a container: an overlay, or where that cannot be, a copy of its layers.
 * @param onCopy is told before one is made. @param ids of its user namespace, if it has one.
 */
export function makeRoot(overlay: Overlay, onCopy: (text: string) => void, ids?: Ids): Fd {
  try {
    return ids ? layers().makeMappedOverlay(overlay, ids, makeOverlay) : makeOverlay(overlay);
  } catch (error) {
    if (!hasCode(error, "EINVAL", "EOPNOTSUPP")) throw error;
    const { makeCopiedRoot } = require("./copied-root.ts") as typeof import("./copied-root.ts");
    return makeCopiedRoot(overlay, error, onCopy, (lower) => makeOverlay({ lower }), ids && ownersOf(ids));
  }
}

/** Loaded for those that have a user namespace. */
const layers = () => require("../userns/layers.ts") as typeof import("../userns/layers.ts");

/** What the owners of an image's files are on the disk, in a copy for a user namespace. */
function ownersOf(ids: Ids): Adapt {
  const { ownerOnHost } = require("../userns/ids.ts") as typeof import("../userns/ids.ts");
  return { owner: (owner) => ownerOnHost(ids, owner, "the image") };
}

/** mount(2) attaches what it makes, so it is done where nobody else sees it. It takes one page of options. */
function makeOverlayByPath(lower: string[], above: string[], base: string): Fd {
  const { inOwnMounts } = require("../../linux/namespace.ts") as typeof import("../../linux/namespace.ts");
  return inOwnMounts(() => {
    chdir(base);
    const lowerdir = lower.map((path) => path.replace(/[\\:,]/g, "\\$&")).join(":");
    const rest = above.map((option) =>
      option.startsWith("context=") ? `context="${option.slice("context=".length)}"` : option.replace(/[:,]/g, "\\$&"),
    );
    mount("overlay", ".", "overlay", [`lowerdir=${lowerdir}`, ...rest].join(","));
    using root = owned(open(base, O_PATH | O_DIRECTORY));
    return openTree(root.fd, { recursive: false });
  });
}

/** The deepest directory that all paths have in common, with its slash. */
function commonDirectory(paths: string[]): string {
  const [first = "/"] = paths;
  let base = first.slice(0, first.lastIndexOf("/") + 1);
  while (!paths.every((path) => path.startsWith(base)))
    base = base.slice(0, base.lastIndexOf("/", base.length - 2) + 1);
  return base;
}
