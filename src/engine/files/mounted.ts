/** Roots of containers and images on the host: `mount` and `image mount`, for who wants to look with the host's own programs. */

import { ConflictError, hasCode, NotFoundError } from "../../errors.ts";
import { shortId } from "../../image/record.ts";
import { withStoreLock } from "../../image/staging.ts";
import { findImage, type Image, listImages } from "../../image/store.ts";
import { readdir } from "../../linux/directory.ts";
import { type Fd, O_DIRECTORY, O_PATH, O_RDONLY, open, openIfAny, owned } from "../../linux/file.ts";
import { mountSetattr, openTree } from "../../linux/mount.ts";
import { mkdirAll } from "../../linux/names.ts";
import { inMountNamespace } from "../../linux/namespace.ts";
import { openProcess } from "../../linux/proc.ts";
import { type Digest, hexOf } from "../../oci/digest.ts";
import type { Paths } from "../../paths.ts";
import { hostMountOf, isMounted, mountForHost, unmountFromHost } from "../../runtime/mount/host-mount.ts";
import { makeOverlay, makeRoot } from "../../runtime/mount/rootfs.ts";
import { type Container, directoryOf, findContainer, isUp, listContainers } from "../record/container.ts";
import { withContainerLock } from "../record/container-lock.ts";
import { lockStopped, openIds } from "../record/rootfs.ts";

/** What is mounted, and where. */
export interface Mounted {
  id: string;
  /** Names of a container or image; none of an image without a tag. */
  names: string[];
  path: string;
}

/** Mounts a container's root, without its volumes; what is changed there is changed in the container. @returns the directory */
export function mountContainer(paths: Paths, reference: string): string {
  const { record } = findContainer(paths, reference);
  if (record.rootfs !== undefined) return record.rootfs;
  const path = hostMountOf(directoryOf(paths, record.id));
  withContainerLock(paths, record.id, (now) => {
    if (!now) throw new NotFoundError(`no such container: ${reference}`);
    if (isMounted(path)) return;
    if (isUp(now)) mountForHost(rootOfRunning(now), path);
    else mountStopped(paths, now, path);
  });
  return path;
}

/** The very mount that its processes see, so that there are no two of one writable layer. */
function rootOfRunning({ record, state: { process } }: Container): Fd {
  using pidfd = owned(process && openProcess(process));
  using namespace = owned(process && pidfd && openNamespace(process.pid));
  if (namespace === undefined) throw new ConflictError(`container ${record.name} has just ended`, "try again");
  const mount = inMountNamespace(namespace.fd, () => {
    using root = owned(open("/", O_PATH | O_DIRECTORY));
    return openTree(root.fd, { recursive: false });
  });
  // Read-only is for its own programs.
  mountSetattr(mount, ["rw"], { recursive: false }, "a container's root");
  return mount;
}

/** Undefined of a process that has ended, and was not waited for yet. */
function openNamespace(pid: number): Fd | undefined {
  try {
    return openIfAny(`/proc/${pid}/ns/mnt`, O_RDONLY);
  } catch (error) {
    if (!hasCode(error, "ESRCH", "EINVAL", "EACCES")) throw error;
    return undefined;
  }
}

function mountStopped(paths: Paths, container: Container, path: string): void {
  const release = lockStopped(paths, container);
  try {
    const directory = directoryOf(paths, container.record.id);
    const lower = container.record.lower.toReversed();
    const ids = openIds(container);
    using _namespace = owned(ids?.fd);
    mountForHost(
      makeRoot({ lower, upper: `${directory}/upper`, work: `${directory}/work` }, () => {}, ids),
      path,
    );
  } finally {
    release();
  }
}

/** @returns its id, whether it was mounted or not. */
export function unmountContainer(paths: Paths, reference: string): string {
  const { record } = findContainer(paths, reference);
  withContainerLock(paths, record.id, () => unmountFromHost(hostMountOf(directoryOf(paths, record.id))));
  return record.id;
}

/** Where the root of a container in this directory is mounted, if it is. */
export function mountedAt(directory: string): string | undefined {
  const path = hostMountOf(directory);
  return isMounted(path) ? path : undefined;
}

export const mountedContainers = (paths: Paths): Mounted[] =>
  listContainers(paths).flatMap(({ record: { id, name } }) => {
    const path = mountedAt(directoryOf(paths, id));
    return path === undefined ? [] : [{ id, names: [name], path }];
  });

/** Mounts an image's files, which nobody can change. @returns the directory */
export function mountImage(paths: Paths, reference: string): string {
  // Nobody removes it meanwhile.
  return withStoreLock(paths, "shared", () => {
    const image = findImageOrFail(paths, reference);
    const path = imageMountOf(paths, image.id);
    if (isMounted(path)) return path;
    mkdirAll(paths.mounts);
    mountForHost(readOnlyRoot(paths, image), path);
    return path;
  });
}

/** An overlay, also of one layer: that is what tells it from the layer. It takes two at least. */
function readOnlyRoot(paths: Paths, { layers, id }: Image): Fd {
  if (layers.length === 0) throw new ConflictError(`image ${shortId(id)} has no layers`);
  if (layers.length > 1) return makeOverlay({ lower: layers.toReversed() });
  const empty = `${paths.mounts}/empty`;
  mkdirAll(empty);
  return makeOverlay({ lower: [layers[0]!, empty] });
}

/** @returns its id, whether it was mounted or not. */
export function unmountImage(paths: Paths, reference: string): string {
  const { id } = findImageOrFail(paths, reference);
  unmountFromHost(imageMountOf(paths, id));
  return id;
}

export function mountedImages(paths: Paths): Mounted[] {
  if (!readdir(paths.mounts)?.length) return [];
  return listImages(paths).flatMap(({ id, references }) => {
    const path = imageMountOf(paths, id);
    return isMounted(path) ? [{ id, names: references, path }] : [];
  });
}

function findImageOrFail(paths: Paths, reference: string): Image {
  const image = findImage(paths, reference);
  if (!image) throw new NotFoundError(`no such image: ${reference}`, "tinydocker images lists what there is");
  return image;
}

const imageMountOf = (paths: Paths, id: Digest): string => `${paths.mounts}/${hexOf(id)}`;
