/** Where things are built before they exist, and deleted after they are gone: the store's staging directories, trash and lock. */

import { hasCode } from "../errors.ts";
import { byteNameOf } from "../linux/byte-name.ts";
import { readdir } from "../linux/directory.ts";
import { close, type Fd, O_CREAT, O_DIRECTORY, O_RDONLY, O_RDWR, open, owned } from "../linux/file.ts";
import { flock } from "../linux/flock.ts";
import { mkdir, mkdirAll, rename } from "../linux/names.ts";
import { removeTree } from "../linux/tree/tree.ts";
import type { Paths } from "../paths.ts";

/** A directory of our own on the store's file system. It is dead, and anybody may remove it, once our process is. */
export interface Staging {
  path: string;
  /** The open directory; its flock(2) is what says that we live. */
  fd: Fd;
  /** Removes it with everything that was not renamed away. */
  discard(): void;
}

/** Makes the directories of the store that are missing. */
export function prepareStore(paths: Paths): void {
  for (const path of [
    paths.root,
    paths.staging,
    paths.trash,
    paths.blobs,
    paths.partial,
    paths.layers,
    paths.links,
    paths.images,
    paths.refs,
    paths.sources,
    paths.containers,
  ])
    mkdirAll(path);
}

/**
 * Runs `use` while holding the store's lock: shared to rely on what the store has or to add to it (find an image and record
 * its user, begin a staging directory, name what was built there), exclusive to remove from it. Always held briefly; never across a load.
 */
export function withStoreLock<Result>(paths: Paths, mode: "shared" | "exclusive", use: () => Result): Result {
  using lock = owned(open(paths.lock, O_RDWR | O_CREAT, 0o600));
  flock(lock.fd, { shared: mode === "shared", wait: true });
  return use();
}

/** A new staging directory. While any lives, no layer is collected: its builder may count on layers it has seen. */
export function createStaging(paths: Paths): Staging {
  const path = `${paths.staging}/${crypto.randomUUID()}`;
  const fd = withStoreLock(paths, "shared", () => {
    mkdir(path);
    const directory = open(path, O_RDONLY | O_DIRECTORY);
    flock(directory, { wait: true });
    return directory;
  });
  return {
    path,
    fd,
    discard() {
      removeFrom(paths.staging, path.slice(paths.staging.length + 1));
      close(fd);
    },
  };
}

/** Moves dead staging directories to the trash; answers whether any lives. The caller holds the lock exclusively. */
export function collectStaging(paths: Paths): { alive: boolean } {
  let alive = false;
  for (const name of readdir(paths.staging) ?? []) {
    try {
      if (!collectIfDead(paths, `${paths.staging}/${name}`)) alive = true;
    } catch (error) {
      if (!hasCode(error, "ENOENT")) throw error; // its owner was just discarding it
    }
  }
  return { alive };
}

function collectIfDead(paths: Paths, path: string): boolean {
  using directory = owned(open(path, O_RDONLY | O_DIRECTORY));
  const dead = flock(directory.fd, { wait: false });
  if (dead) moveToTrash(paths, path);
  return dead;
}

/** From here on it is gone for everybody; the disk follows with `emptyTrash`. */
export const moveToTrash = (paths: Paths, path: string): void => rename(path, `${paths.trash}/${crypto.randomUUID()}`);

/** Deletes what is in the trash. Needs no lock; several may do it at once. */
export function emptyTrash(paths: Paths): void {
  for (const name of readdir(paths.trash) ?? []) removeFrom(paths.trash, name);
}

function removeFrom(directory: string, name: string): void {
  using opened = owned(open(directory, O_RDONLY | O_DIRECTORY));
  removeTree(opened.fd, byteNameOf(name));
}
