/** Roots that are mounted for the host to see, because somebody asked for it (`mount`). */

import { type Fd, O_DIRECTORY, O_PATH, open, owned } from "../../linux/file.ts";
import { attachAt, openTree, umount2 } from "../../linux/mount.ts";
import { mkdir, rmdir } from "../../linux/names.ts";
import { stat, statIfAny } from "../../linux/stat.ts";

/** Where a container's root is mounted, in its directory. */
export const hostMountOf = (directory: string): string => `${directory}/merged`;

/** True for a directory that something is mounted on. */
export const isMounted = (path: string): boolean => {
  const there = statIfAny(path);
  return there !== undefined && there.device !== stat(path.slice(0, path.lastIndexOf("/"))).device;
};

/** Mounts a detached mount on a directory, which is made for it; what is above that is there, or was removed with what it is of. */
export function mountForHost(mount: Fd, path: string): void {
  if (!statIfAny(path)) mkdir(path);
  attachAt(mount, path, `a root on ${path}`);
}

/** The same file system once more, attached nowhere. */
export function cloneMount(path: string): Fd {
  using mounted = owned(open(path, O_PATH | O_DIRECTORY));
  return openTree(mounted.fd, { recursive: false });
}

/** Takes away what is mounted there, and the directory. */
export function unmountFromHost(path: string): void {
  while (isMounted(path)) umount2(path);
  rmdir(path);
}
