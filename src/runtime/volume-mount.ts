/**
 * A volume that is a file system of its own: mounted over its data by the first container that uses it, taken away by the
 * last. Each holds a lock for as long as it runs, which a crash gives back too.
 *
 *     volumes/<name>/
 *       mount.lock   held while somebody looks, mounts or unmounts
 *       users.lock   shared by all that use it: who gets it alone is the last
 */

import { close, flock, O_CREAT, O_RDWR, open, owned, stat } from "../linux/file.ts";
import { attachAt, fsmount, umount2 } from "../linux/mount.ts";
import type { HostStep } from "../plan/step.ts";
import { dataOf } from "../plan/volume.ts";

/** @returns how to take it back. */
export function mountVolume({ path, type, options }: Extract<HostStep, { do: "mount-volume" }>): () => void {
  const users = alone(path, () => {
    using held = owned(open(`${path}/users.lock`, O_RDWR | O_CREAT, 0o600));
    flock(held.fd, { shared: true, wait: true });
    if (!isMounted(path)) attachAt(fsmount(type, type, options), dataOf(path), `${type} on ${dataOf(path)}`);
    return held.handOff();
  });
  return () =>
    alone(path, () => {
      if (flock(users, { wait: false })) unmountVolume(path);
      close(users);
    });
}

/** Takes away what is mounted over a volume's data, if anything is. */
export function unmountVolume(path: string): void {
  if (isMounted(path)) umount2(dataOf(path));
}

const isMounted = (path: string): boolean => stat(dataOf(path)).device !== stat(path).device;

function alone<Result>(path: string, use: () => Result): Result {
  using lock = owned(open(`${path}/mount.lock`, O_RDWR | O_CREAT, 0o600));
  flock(lock.fd, { wait: true });
  return use();
}
