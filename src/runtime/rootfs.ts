/** What init mounts in the rootfs: the overlay, new file systems, binds from the host, and covers over what is not to be seen. */

import { hasCode, SyscallError } from "../errors.ts";
import { byteNameOf, chownAt, isOnProc } from "../linux/at.ts";
import { close, fstat, mkdirAll, O_PATH, open, statIfAny } from "../linux/file.ts";
import { ensureDirectory, ensureFile, openInRootIfAny } from "../linux/inroot.ts";
import { AT_FDCWD } from "../linux/libc.ts";
import { chdir, cloneMount, mount, mountSetattr, moveMount, newMount } from "../linux/mount.ts";
import type { InitStep } from "../plan/step.ts";
import { giveTo, showAs } from "./owner.ts";
import { identityOf } from "./user.ts";
import { fillVolume } from "./volume.ts";

type Of<Kind> = Extract<InitStep, { do: Kind }>;

/**
 * By paths relative to the state root: mount(2) takes one page of options, however long the root's path is, and what the
 * container reads in /proc/self/mountinfo tells nothing of the host.
 */
export function mountOverlay({ lower, upper, work, target }: Of<"overlay">): void {
  const base = commonDirectory([...lower, upper, work]);
  const relative = (path: string) => path.slice(base.length).replace(/[\\:,]/g, "\\$&");
  chdir(base);
  try {
    const lowerdir = lower.map(relative).join(":");
    mount("overlay", target, "overlay", `lowerdir=${lowerdir},upperdir=${relative(upper)},workdir=${relative(work)}`);
  } catch (error) {
    if (!hasCode(error, "EINVAL")) throw error;
    throw (error as SyscallError).withHint(
      "the state root may lie on a file system that overlayfs can't write to (another overlay, NFS), or inside the image's own directory: choose one with --root",
    );
  }
  chdir("/");
}

/** The deepest directory that all paths have in common, with its slash. */
function commonDirectory(paths: string[]): string {
  const [first = "/"] = paths;
  let base = first.slice(0, first.lastIndexOf("/") + 1);
  while (!paths.every((path) => path.startsWith(base)))
    base = base.slice(0, base.lastIndexOf("/", base.length - 2) + 1);
  return base;
}

/** File systems that are made and not attached yet, by what they were made of. */
export type PreparedMounts = Map<string, number>;

const keyOf = ({ type, source, options }: Of<"mount"> | Of<"prepare-mount">) => [type, source, ...options].join(" ");

/** Makes a file system that a later step will attach. If that fails, the later step says why: it tries again. */
export function prepareMount(step: Of<"prepare-mount">, prepared: PreparedMounts): void {
  try {
    prepared.set(keyOf(step), newMount(step.type, step.source, step.options));
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
  }
}

/** A file system of its own at a place of the rootfs. */
export function mountNew(step: Of<"mount">, root: number, prepared: PreparedMounts): void {
  const { type, source, target, options } = step;
  const over = ensureDirectory(root, target);
  refuseProc(over, target);
  const key = keyOf(step);
  const made = prepared.get(key) ?? newMount(type, source, options);
  // Another of the same kind gets one of its own.
  prepared.delete(key);
  attach(made, over, `${type} on ${target}`);
}

/** A directory or file of the host, at a place of the rootfs. @param handed mounts of the host's side, for those steps that want one. */
export function bindFromHost(step: Of<"bind">, root: number, handed: number[]): void {
  const { source, target, options, recursive, propagation } = step;
  const subject = `${source} on ${target}`;
  if (step.createSource) createSource(step);
  const from = step.handedOver ? handed.shift()! : openSource(step);
  const over = fstat(from).type === "directory" ? ensureDirectory(root, target) : ensureFile(root, target);
  refuseProc(over, target);
  if (step.copyUp) fillVolume(root, target, source);
  if (step.chown) giveTo(from, identityOf(root, step.chown), source);
  const copy = step.handedOver ? from : cloneMount(from, { recursive });
  if (copy !== from) close(from);
  if (step.idmap) showAs(copy, step.idmap, identityOf(root, step.idmap.user), { recursive, source });
  const below = recursive && options.includes("ro") && !step.writableBelow;
  if (options.length > 0) mountSetattr(copy, options, { recursive: below }, subject);
  mountSetattr(copy, [propagation], { recursive: propagation.startsWith("r") }, subject);
  attach(copy, over, subject);
}

/** The mounts that init can't see, open, in the order of their steps: they were made after it left our namespace. */
export const mountsToHandOver = (steps: InitStep[]): number[] =>
  steps.flatMap((step) => {
    if (step.do !== "bind" || !step.handedOver) return [];
    const from = openSource(step);
    const copy = cloneMount(from, step);
    close(from);
    return copy;
  });

/** The directory on the host belongs to whom its files will. */
function createSource({ source, idmap }: Of<"bind">): void {
  if (statIfAny(source)) return;
  mkdirAll(source, 0o755);
  if (idmap) chownAt(AT_FDCWD | 0, byteNameOf(source), idmap.uid, idmap.gid);
}

/** The source, or a part of it that no symbolic link leads out of. */
function openSource({ source, subpath }: Of<"bind">): number {
  const from = open(source, O_PATH);
  if (subpath === undefined) return from;
  const part = openInRootIfAny(from, subpath);
  close(from);
  if (part !== undefined) return part;
  throw new SyscallError("open", subpath, "ENOENT", "there is no such path in the volume");
}

/** Nothing may lie over /proc or below it, by whatever symbolic links of the image: it is what masks are made on (R18). */
function refuseProc(over: number, target: string): void {
  if (isOnProc(over, target)) throw new SyscallError("mount on", target, "EPERM", "it leads into /proc");
}

/** The path itself once more on top of itself, read-only. */
export const makeReadonly = (path: string, root: number): void =>
  ifPresent(root, path, (fd) => {
    const copy = cloneMount(fd, { recursive: true });
    mountSetattr(copy, ["ro"], { recursive: true }, path);
    moveMount(copy, fd, `read-only ${path}`);
    close(copy);
  });

/** Covers a file with the null device, a directory with an empty one that nobody can write to. */
export function mask(path: string, root: number, nullDevice: number): void {
  ifPresent(root, path, (fd) => {
    const isDirectory = fstat(fd).type === "directory";
    const cover = isDirectory
      ? newMount("tmpfs", "tmpfs", ["ro", "nosuid", "nodev", "noexec", "size=0", "nr_inodes=1"])
      : cloneMount(nullDevice, { recursive: false });
    moveMount(cover, fd, `a mask on ${path}`);
    close(cover);
  });
}

/** Calls `use` with the open path; a path that this kernel does not have needs no protection. */
function ifPresent(root: number, path: string, use: (fd: number) => void): void {
  const fd = openInRootIfAny(root, path);
  if (fd === undefined) return;
  use(fd);
  close(fd);
}

/** Attaches a detached mount and closes both descriptors. */
export function attach(mountFd: number, over: number, subject: string): void {
  moveMount(mountFd, over, subject);
  close(mountFd);
  close(over);
}
