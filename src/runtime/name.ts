/**
 * The name of a container: a file that can be made only once, `names/<name>`, with the id of who is called so. One that leads to
 * no container, after a power cut or out of a restored backup, is in nobody's way: who wants the name takes it.
 */

import { ConflictError, hasCode } from "../errors.ts";
import {
  flock,
  link,
  O_DIRECTORY,
  O_NONBLOCK,
  O_RDONLY,
  open,
  openIfAny,
  owned,
  readdir,
  statIfAny,
  unlink,
  writeFileAtomic,
  writeNewFile,
} from "../linux/file.ts";
import { sleepMicroseconds } from "../linux/poll.ts";
import { readableRecord } from "../record-file.ts";

/** Where containers and the lock files of those that run are, by their ids: they tell whether somebody has a name. */
export interface Owners {
  containers: string;
  running: string;
}

/** The id in the file of a name; undefined where there is none, or nothing that is an id. */
export function idIn(path: string): string | undefined {
  const text = readableRecord(path);
  return text !== undefined && /^[0-9a-f]{64}$/.test(text) ? text : undefined;
}

const maxTries = 10;

/** Makes a name ours, or names who has it. @param other the file of a name that we have: the new one is a second link to it. */
export function takeName(name: string, path: string, id: string, owners: Owners, other?: string): void {
  for (let tries = 1; ; tries++) {
    try {
      if (other !== undefined && idIn(other) === id) link(other, path);
      else writeNewFile(path, id);
      return;
    } catch (error) {
      if (!hasCode(error, "EEXIST")) throw error;
    }
    const owner = ownerOf(name, path, owners);
    // Taken by ourselves, and killed then.
    if (other !== undefined && id === owner) return;
    if (owner !== undefined || tries === maxTries)
      throw new ConflictError(
        `the name ${JSON.stringify(name)} is taken by ${owner === undefined ? "others" : `container ${owner.slice(0, 12)}`}`,
        `remove that container (tinydocker rm ${name}) or choose another name`,
      );
  }
}

/** Who takes a name makes its file and writes his id into it: two calls. */
const takingMs = 2000;
const lookUs = 5000;

/**
 * Who has a name that is taken; undefined if it has been freed, also by us: one at a time, so that nobody takes away what another
 * has taken meanwhile.
 */
function ownerOf(name: string, path: string, owners: Owners): string | undefined {
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

/** Frees the name of a container. What is no id is of one that was killed while it took the name, or damaged. */
export function freeName(path: string, id: string): void {
  const owner = idIn(path);
  const only = owner === id && statIfAny(path)?.nlink === 1;
  if (owner === undefined || owner === id) unlink(path);
  if (only) return;
  // It was renamed since; or a `rename` that was killed half way has left it two names.
  const names = path.slice(0, path.lastIndexOf("/"));
  for (const name of readdir(names) ?? []) if (idIn(`${names}/${name}`) === id) unlink(`${names}/${name}`);
}
