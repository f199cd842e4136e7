/** The file system of a container, as it lies on the disk and as its programs see it. */

import { ConflictError, Failure, hasCode, UnsupportedError } from "../../errors.ts";
import { openAt } from "../../linux/at.ts";
import { byteName } from "../../linux/byte-name.ts";
import {
  close,
  type Fd,
  O_CREAT,
  O_DIRECTORY,
  O_PATH,
  O_RDONLY,
  O_RDWR,
  open,
  openIfAny,
  owned,
} from "../../linux/file.ts";
import { flock } from "../../linux/flock.ts";
import { attachAt, fchdir, moveMount, setPropagation } from "../../linux/mount.ts";
import { unlink } from "../../linux/names.ts";
import { unshare } from "../../linux/namespace.ts";
import { openProcess } from "../../linux/proc.ts";
import { fstat, statIfAny } from "../../linux/stat.ts";
import { isOnProc } from "../../linux/statfs.ts";
import type { Adapt } from "../../linux/tree/copy.ts";
import { ensureDirectory, ensureFile } from "../../linux/tree/inroot.ts";
import type { Paths } from "../../paths.ts";
import { planBinds, planRoot } from "../../plan/mounts.ts";
import { copiedMark } from "../../plan/path.ts";
import { makeBind } from "../../runtime/mount/bind.ts";
import { cloneMount, hostMountOf, isMounted } from "../../runtime/mount/host-mount.ts";
import { makeOverlay, makeRoot, type Overlay } from "../../runtime/mount/rootfs.ts";
import { type Identity, identityOf } from "../../runtime/mount/user.ts";
import type { Ids } from "../../runtime/userns/ids.ts";
import { readSpec } from "./bundle.ts";
import { type Container, type ContainerState, directoryOf, isUp } from "./container.ts";

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

/** True where overlayfs can't write to the state root: then a container has a copy of its image (runtime/mount/copied-root.ts). */
export const isCopied = (paths: Paths, { id }: Pick<Container["record"], "id">): boolean =>
  statIfAny(`${directoryOf(paths, id)}/${copiedMark}`) !== undefined;

/** All layers of a container. Read-only, this is right while it runs, too. */
export const layersOf = (paths: Paths, container: Container): string[] =>
  isCopied(paths, container.record)
    ? [upperOf(paths, container)]
    : container.record.rootfs === undefined
      ? [...container.record.lower, upperOf(paths, container)]
      : lowersOf(container);

/**
 * Opens the container's root as its programs see it, volumes and all, for reading and writing: by way of its first process
 * where it has one; where it has not, by mounting what init would mount, in a mount namespace of our own that nobody sees and
 * that ends with us.
 */
export async function withRoot<Result>(
  paths: Paths,
  container: Container,
  use: (root: Fd) => Result | Promise<Result>,
): Promise<Result> {
  using running = owned(isUp(container) ? openRunningRoot(container.state) : undefined);
  if (running) return await use(running.fd);
  const release = lockStopped(paths, container);
  try {
    using stopped = owned(mountStopped(paths, container));
    return await use(stopped.fd);
  } finally {
    release();
  }
}

function mountStopped(paths: Paths, container: Container): Fd {
  const { rootfs } = container.record;
  if (rootfs !== undefined) return open(rootfs, O_RDONLY | O_DIRECTORY);
  const spec = readSpec(paths, container.record);
  const root = planRoot(spec);
  if (root.do !== "overlay") throw new Failure(`container ${container.record.name} has no layers`);
  const ids = openIds(container);
  using _namespace = owned(ids?.fd);
  // It is still to be started, which takes a directory that was not mounted so.
  using opened = owned(mountPrivately(paths, overlayOf(paths, container, { ...root, volatile: false }, ids)));
  // As it is: nothing is made, filled or given away; and memory that no container uses is not there.
  for (const { chown: _owner, ...bind } of planBinds(spec)) {
    if (bind.detachedMount || bind.secrets || !(bind.layers || statIfAny(bind.source))) continue;
    const step = { ...bind, createSource: false, copyUp: false, propagation: "rprivate" };
    const asked = bind.idmap ?? (typeof bind.owners === "object" ? bind.owners : undefined);
    const user = asked ? identityOf(opened.fd, asked.user) : nobody;
    const attach = () =>
      attachInRoot(
        makeBind(step, opened.fd, user, () => {}, ids),
        opened.fd,
        bind.target,
      );
    if (ids) userns().asRoot(ids, attach);
    else attach();
  }
  return opened.handOff();
}

/** What `mount` has mounted is the only one there may be of its writable layer. */
function overlayOf(paths: Paths, { record }: Container, overlay: Overlay, ids: Ids | undefined): Fd {
  const path = hostMountOf(directoryOf(paths, record.id));
  return isMounted(path) ? cloneMount(path) : makeRoot(overlay, () => {}, ids);
}

/** Loaded for those that have a user namespace. */
const userns = () => require("../../runtime/userns/prepare.ts") as typeof import("../../runtime/userns/prepare.ts");

/** A user namespace as a container's own, to mount its files with; undefined where it has the host's. */
export function openIds({ record: { options } }: Pick<Container, "record">): Ids | undefined {
  if (!options.userns) return undefined;
  const { uids, gids } = options.userns;
  return { uids, gids, fd: userns().makeNamespace({ uids, gids }) };
}

const nobody: Identity = { uid: 0, gid: 0, groups: [], home: "/" };

/** Where the container's init attached it, or would have. */
function attachInRoot(mount: Fd, root: Fd, target: string): void {
  using attached = owned(mount);
  using over = owned(fstat(mount).type === "directory" ? ensureDirectory(root, target) : ensureFile(root, target));
  if (isOnProc(over.fd, target)) throw new Failure(`cannot mount on ${target}: it leads into /proc`);
  moveMount(attached.fd, over.fd, target);
}

/** All layers of a container, as its own programs would see them but for the owners, which are the host's. @returns an open directory. */
export function openAllLayers(paths: Paths, container: Container): Fd {
  const layers = layersOf(paths, container);
  const { record } = container;
  if (!record.options.userns || isCopied(paths, record)) return openLayers(paths, layers);
  const ids = openIds(container)!;
  using _namespace = owned(ids.fd);
  const { makeMappedOverlay } =
    require("../../runtime/userns/layers.ts") as typeof import("../../runtime/userns/layers.ts");
  const own = new Set([upperOf(paths, container)]);
  return mountPrivately(paths, makeMappedOverlay({ lower: layers.toReversed() }, ids, makeOverlay, own));
}

/** What becomes of the owners of a container's files where they are to be its own again; undefined where they are. */
export function insideOf({ record: { options } }: Pick<Container, "record">): Adapt | undefined {
  if (!options.userns) return undefined;
  const { insideOf: inside } =
    require("../../runtime/userns/binds.ts") as typeof import("../../runtime/userns/binds.ts");
  return inside(options.userns);
}

/** The view of layers, bottom first, read-only and without anything mounted in it. @returns an open directory. */
export function openLayers(paths: Paths, layers: readonly string[]): Fd {
  const [only] = layers;
  if (only !== undefined && layers.length === 1) return open(only, O_RDONLY | O_DIRECTORY);
  return mountPrivately(paths, makeOverlay({ lower: layers.toReversed() }));
}

/** Mounts on the empty directory that all roots are mounted on, where only this process sees it. */
function mountPrivately(paths: Paths, root: Fd): Fd {
  using here = owned(open(".", O_PATH | O_DIRECTORY));
  unshare("NEWNS");
  setPropagation("/", "rslave"); // what the host unmounts must not stay busy through us
  attachAt(root, paths.rootfs, "the container's root");
  fchdir(here.fd); // what the user names is relative to where the user is
  return open(paths.rootfs, O_RDONLY | O_DIRECTORY);
}

/** The root of a running container's first process, or undefined if that has ended. */
function openRunningRoot({ process }: ContainerState): Fd | undefined {
  using proc = owned(process && openIfAny(`/proc/${process.pid}`, O_PATH | O_DIRECTORY));
  if (!process || proc === undefined) return undefined;
  try {
    // Asked after the directory is open, which stays this process's: another that gets its number is not mistaken for it.
    using pidfd = owned(openProcess(process));
    return pidfd && openAt(proc.fd, byteName`root`, O_RDONLY | O_DIRECTORY);
  } catch (error) {
    if (hasCode(error, "ENOENT", "ESRCH")) return undefined; // it ended meanwhile
    throw error;
  }
}

/**
 * Keeps a container stopped: the kernel lets two mounts share one writable layer, and then its content is anybody's guess.
 * This is the lock of the monitors of running containers; whoever wants to start this one waits for us.
 */
export function lockStopped(paths: Paths, { record }: Container): () => void {
  const path = `${paths.running}/${record.id}`;
  using lock = owned(open(path, O_RDWR | O_CREAT, 0o600));
  const isOurs = flock(lock.fd, { wait: false });
  const { nlink, size } = fstat(lock.fd);
  // What somebody who was killed meanwhile has left behind is in that file alone: the next command cleans up.
  if (!isOurs || nlink === 0 || size > 0)
    throw new ConflictError(`container ${record.name} is starting, ending or in use`, "try again");
  const held = lock.handOff();
  return () => {
    unlink(path);
    close(held);
  };
}
