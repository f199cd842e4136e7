/** Who has the name of a container, where the file of that name is there already; loaded for those who find it so. */

import { readdir } from "../linux/directory.ts";
import { O_DIRECTORY, O_NONBLOCK, O_RDONLY, open, openIfAny, owned, writeFileAtomic } from "../linux/file.ts";
import { flock } from "../linux/flock.ts";
import { unlink } from "../linux/names.ts";
import { sleepMicroseconds } from "../linux/poll.ts";
import { statIfAny } from "../linux/stat.ts";
import { readableRecord } from "../record-file.ts";
import { idIn, type Owners } from "./name-file.ts";

/** Who takes a name makes its file and writes his id into it: two calls. */
const takingMs = 2000;
const lookUs = 5000;

/**
 * Who has a name that is taken; undefined if it has been freed, also by us: one at a time, so that nobody takes away what another
 * has taken meanwhile.
 */
export function ownerOf(name: string, path: string, owners: Owners): string | undefined {
  using names = owned(open(path.slice(0, path.lastIndexOf("/")), O_RDONLY | O_DIRECTORY));
  flock(names.fd, { wait: true });
  for (let waitedUs = 0; readableRecord(path) === "" && waitedUs < takingMs * 1000; waitedUs += lookUs)
    sleepMicroseconds(lookUs);
  const id = idIn(path);
  // Whoever makes a container has its lock until its directory is there; whoever removes one frees the name after that.
  if (id !== undefined && (isLocked(`${owners.running}/${id}`) || statIfAny(`${owners.containers}/${id}`))) return id;
  const owner = recordedOwner(owners.containers, name);
  if (idIn(path) !== id) return undefined;
  if (owner === undefined) unlink(path);
  else writeFileAtomic(path, owner);
  return owner;
}

const isLocked = (path: string): boolean => {
  using lock = owned(openIfAny(path, O_RDONLY | O_NONBLOCK));
  return lock !== undefined && !flock(lock.fd, { shared: true, wait: false });
};

/** The container whose own record says that it is called so. */
export const recordedOwner = (containers: string, name: string): string | undefined =>
  (readdir(containers) ?? []).find((id) => recordedName(containers, id) === name);

/** The name of a container as it is written down, whatever else is there; undefined where it can't be read. */
export function recordedName(containers: string, id: string): string | undefined {
  try {
    const { name } = JSON.parse(readableRecord(`${containers}/${id}/container.json`) ?? "{}");
    return typeof name === "string" ? name : undefined;
  } catch {
    return undefined;
  }
}
