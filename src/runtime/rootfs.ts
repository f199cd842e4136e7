/** The root of a container and what the host shows in it, as detached mounts: made by the host's side, attached by init. */

import { hasCode, SyscallError } from "../errors.ts";
import { byteNameOf, chownAt, openInRootIfAny } from "../linux/at.ts";
import { cwd, type Fd, mkdirAll, O_DIRECTORY, O_PATH, open, owned, statIfAny } from "../linux/file.ts";
import { chdir, fchdir, fsmount, mount, mountSetattr, openTree } from "../linux/mount.ts";
import { inOwnMounts } from "../linux/namespace.ts";
import type { BindStep } from "../plan/step.ts";
import { giveTo, showAs } from "./owner.ts";
import type { Identity } from "./user.ts";
import { fillVolume } from "./volume.ts";

/** Layers of an image, the topmost first, below one writable directory; without that directory they are shown read-only. */
export interface Overlay {
  lower: readonly string[];
  upper?: string;
  work?: string;
}

/** Longer strings fsconfig(2) does not take. */
const longestOption = 255;

/**
 * The layers as one file system, attached nowhere. Paths are relative to the directory that they have in common, so that what
 * the container reads in /proc/self/mountinfo tells nothing of the host.
 */
export function makeOverlay({ lower, upper, work }: Overlay): Fd {
  const writable = upper === undefined || work === undefined ? [] : [upper, work];
  const base = commonDirectory([...lower, ...writable]);
  const relative = (path: string) => path.slice(base.length);
  const escaped = (path: string) => relative(path).replace(/\\/g, "\\\\");
  const above = writable.length > 0 ? [`upperdir=${escaped(upper!)}`, `workdir=${escaped(work!)}`] : [];
  const options = [...lower.map((path) => `lowerdir+=${relative(path)}`), ...above];
  using here = owned(open(".", O_PATH | O_DIRECTORY));
  try {
    chdir(base);
    try {
      if (options.every((option) => option.length <= longestOption)) return fsmount("overlay", "overlay", options);
    } catch (error) {
      // Before Linux 6.5 layers can't be given one by one, which some kernels say only when the file system is made of them.
      if (!hasCode(error, "EINVAL")) throw error;
    }
    return makeOverlayByPath(lower.map(relative), above, base);
  } catch (error) {
    if (!hasCode(error, "EINVAL")) throw error;
    throw error.withHint(
      "the state root may lie on a file system that overlayfs can't write to (another overlay, NFS), or inside the image's own directory: choose one with --root",
    );
  } finally {
    fchdir(here.fd);
  }
}

/** mount(2) attaches what it makes, so it is done where nobody else sees it. It takes one page of options. */
function makeOverlayByPath(lower: string[], above: string[], base: string): Fd {
  return inOwnMounts(() => {
    chdir(base);
    const lowerdir = lower.map((path) => path.replace(/[\\:,]/g, "\\$&")).join(":");
    const rest = above.map((option) => option.replace(/[:,]/g, "\\$&"));
    mount("overlay", ".", "overlay", [`lowerdir=${lowerdir}`, ...rest].join(","));
    using root = owned(open(base, O_PATH | O_DIRECTORY));
    return openTree(root.fd, { recursive: false });
  });
}

/** A directory of the host as the root, with all that is mounted in it; and alone, as kernels before 6.15 can't clone it later. */
export function makeBindRoot(path: string): { root: Fd; image: Fd } {
  using directory = owned(open(path, O_PATH | O_DIRECTORY));
  using root = owned(openTree(directory.fd, { recursive: true }));
  using image = owned(openTree(directory.fd, { recursive: false }));
  // Mounts the host makes in it later still reach it.
  mountSetattr(root.fd, ["rslave"], { recursive: true }, path);
  return { root: root.handOff(), image: image.handOff() };
}

/** The deepest directory that all paths have in common, with its slash. */
function commonDirectory(paths: string[]): string {
  const [first = "/"] = paths;
  let base = first.slice(0, first.lastIndexOf("/") + 1);
  while (!paths.every((path) => path.startsWith(base)))
    base = base.slice(0, base.lastIndexOf("/", base.length - 2) + 1);
  return base;
}

/** A directory or file of the host, attached nowhere. @param image what a volume is filled from. */
export function makeBind(step: BindStep, image: Fd, user: Identity): Fd {
  const { source, target, options, recursive, propagation } = step;
  const subject = `${source} on ${target}`;
  if (step.createSource) createSource(step);
  using from = owned(openSource(step));
  if (step.copyUp) fillVolume(image, target, source);
  if (step.chown) giveTo(from.fd, user, source);
  using copy = owned(openTree(from.fd, { recursive }));
  if (step.idmap) showAs(copy.fd, step.idmap, user, { recursive, source });
  const below = recursive && options.includes("ro") && !step.writableBelow;
  if (options.length > 0) mountSetattr(copy.fd, options, { recursive: below }, subject);
  mountSetattr(copy.fd, [propagation], { recursive: propagation.startsWith("r") }, subject);
  return copy.handOff();
}

/** The directory on the host belongs to whom its files will. */
function createSource({ source, idmap }: BindStep): void {
  if (statIfAny(source)) return;
  mkdirAll(source, 0o755);
  if (idmap) chownAt(cwd, byteNameOf(source), idmap.uid, idmap.gid);
}

/** The source, or a part of it that no symbolic link leads out of. */
function openSource({ source, subpath }: BindStep): Fd {
  using from = owned(open(source, O_PATH));
  if (subpath === undefined) return from.handOff();
  const part = openInRootIfAny(from.fd, byteNameOf(subpath), O_PATH);
  if (part !== undefined) return part;
  throw new SyscallError("open", subpath, "ENOENT", "there is no such path in the volume");
}
