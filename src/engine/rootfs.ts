/** The file system of a container, as it lies on the disk and as its programs see it. */

import { ConflictError, hasCode, UnsupportedError } from "../errors.ts";
import { openAt } from "../linux/at.ts";
import {
  close,
  flock,
  fstat,
  O_CREAT,
  O_DIRECTORY,
  O_PATH,
  O_RDONLY,
  O_RDWR,
  open,
  openIfAny,
  statIfAny,
  unlink,
} from "../linux/file.ts";
import { chdir, fchdir, mount, setPropagation } from "../linux/mount.ts";
import { unshare } from "../linux/namespace.ts";
import { openProcess } from "../linux/proc.ts";
import type { Spec } from "../oci/spec.ts";
import type { Paths } from "../paths.ts";
import { planMounts } from "../plan/mounts.ts";
import type { InitStep } from "../plan/step.ts";
import { bindFromHost, mountOverlay } from "../runtime/rootfs.ts";
import { readSpec } from "./bundle.ts";
import { type Container, type ContainerState, directoryOf, isUp } from "./record.ts";

/** The layers of a container's image, bottom first; a directory that is used in place is the only one. */
export const lowersOf = ({ record }: Container): string[] =>
  record.rootfs === undefined ? record.lower : [record.rootfs];

/** What a container changed. @throws UnsupportedError for one that has no layer of its own. */
export function upperOf(paths: Paths, { record }: Pick<Container, "record">): string {
  if (record.rootfs === undefined) return `${directoryOf(paths, record.id)}/upper`;
  throw new UnsupportedError(
    `container ${record.name} works in a directory in place: what it changed is not kept apart`,
  );
}

/** All layers of a container. Read-only, this is right while it runs, too. */
export const layersOf = (paths: Paths, container: Container): string[] =>
  container.record.rootfs === undefined ? [...container.record.lower, upperOf(paths, container)] : lowersOf(container);

/**
 * Opens the container's root as its programs see it, volumes and all, for reading and writing: by way of its first process
 * where it has one; where it has not, by mounting what init would mount, in a mount namespace of our own that nobody sees and
 * that ends with us.
 */
export async function withRoot<Result>(
  paths: Paths,
  container: Container,
  use: (root: number) => Result | Promise<Result>,
): Promise<Result> {
  const running = isUp(container) ? openRunningRoot(container.state) : undefined;
  if (running !== undefined) return await use(running);
  const release = claimStopped(paths, container);
  try {
    return await use(mountStopped(paths, container));
  } finally {
    release();
  }
}

function mountStopped(paths: Paths, container: Container): number {
  const { rootfs } = container.record;
  if (rootfs !== undefined) return open(rootfs, O_RDONLY | O_DIRECTORY);
  const spec = readSpec(paths, container.record);
  const [overlay] = stepsOf(spec, "overlay");
  const root = mountPrivately(paths, () => mountOverlay({ ...overlay!, target: paths.rootfs }));
  // As it is: nothing is made, filled or given away; and memory that no container uses is not there.
  for (const { chown: _owner, ...bind } of stepsOf(spec, "bind"))
    if (!bind.handedOver && statIfAny(bind.source))
      bindFromHost({ ...bind, createSource: false, copyUp: false }, root, []);
  return root;
}

/** What init does of one kind when the container starts. */
const stepsOf = <Kind extends InitStep["do"]>(spec: Spec, kind: Kind) =>
  planMounts(spec).filter((step): step is Extract<InitStep, { do: Kind }> => step.do === kind);

/** The view of layers, bottom first, read-only and without anything mounted in it. @returns an open directory. */
export function openLayers(paths: Paths, layers: readonly string[]): number {
  const [only] = layers;
  if (only !== undefined && layers.length === 1) return open(only, O_RDONLY | O_DIRECTORY);
  return mountPrivately(paths, () => {
    // By paths relative to the state root: mount(2) takes one page of options.
    chdir(paths.root);
    const relative = (path: string) => (path.startsWith(`${paths.root}/`) ? path.slice(paths.root.length + 1) : path);
    const lowerdir = layers.map((path) => relative(path).replace(/[\\:,]/g, "\\$&")).reverse();
    mount("overlay", paths.rootfs, "overlay", `lowerdir=${lowerdir.join(":")}`);
  });
}

/** Mounts on the empty directory that all roots are mounted on, where only this process sees it. */
function mountPrivately(paths: Paths, attach: () => void): number {
  unshare("NEWNS");
  setPropagation("/", "rslave"); // what the host unmounts must not stay busy through us
  const here = open(".", O_PATH | O_DIRECTORY);
  try {
    attach();
  } finally {
    fchdir(here); // what the user names is relative to where the user is
    close(here);
  }
  return open(paths.rootfs, O_RDONLY | O_DIRECTORY);
}

/** The root of a running container's first process, or undefined if that has ended. */
function openRunningRoot({ process }: ContainerState): number | undefined {
  const proc = process && openIfAny(`/proc/${process.pid}`, O_PATH | O_DIRECTORY);
  if (!process || proc === undefined) return undefined;
  try {
    // Asked after the directory is open, which stays this process's: another that gets its number is not mistaken for it.
    const pidfd = openProcess(process);
    if (pidfd === undefined) return undefined;
    close(pidfd);
    return openAt(proc, "root", O_RDONLY | O_DIRECTORY);
  } catch (error) {
    if (hasCode(error, "ENOENT", "ESRCH")) return undefined; // it ended meanwhile
    throw error;
  } finally {
    close(proc);
  }
}

/**
 * Keeps a container stopped: the kernel lets two mounts share one writable layer, and then its content is anybody's guess.
 * This is the lock of those who look after running containers; whoever wants to start this one waits for us.
 */
function claimStopped(paths: Paths, { record }: Container): () => void {
  const path = `${paths.running}/${record.id}`;
  const lock = open(path, O_RDWR | O_CREAT, 0o600);
  if (!flock(lock, { wait: false }) || fstat(lock).nlink === 0) {
    close(lock);
    throw new ConflictError(`container ${record.name} is starting, ending or in use`, "try again");
  }
  return () => {
    unlink(path);
    close(lock);
  };
}
