/**
 * Who has which ids of the host: what a container writes lies on the disk under its ids, so they are its own for as long as
 * there is anything of it.
 *
 *     ids/<first>    of 65536 ids from that one on: a line with the id of each container that has them
 *
 * Whoever takes some holds the lock of the file until the container's lock file is there. A file that nobody has locked, of
 * containers that are not there, was left by somebody who was killed: whoever needs it next takes it.
 */

import { byteNameOf } from "../../linux/byte-name.ts";
import { readdir } from "../../linux/directory.ts";
import {
  close,
  type Fd,
  O_CREAT,
  O_RDWR,
  open,
  openIfAny,
  owned,
  readAll,
  seekToStart,
  writeAll,
} from "../../linux/file.ts";
import { flock } from "../../linux/flock.ts";
import { mkdirAll, unlink } from "../../linux/names.ts";
import { fstat, statIfAny } from "../../linux/stat.ts";
import { ftruncate } from "../../linux/tree/metadata.ts";

/** Ids of one file. */
export const pieceSize = 65536;

/** Locks of ours, by path. */
const held = new Map<string, Fd>();

const ownersOf = (fd: Fd, path: string): string[] => {
  seekToStart(fd);
  return new TextDecoder().decode(readAll(fd, path)).split("\n").filter(Boolean);
};

function writeOwners(fd: Fd, path: string, owners: readonly string[]): void {
  ftruncate(fd, 0, byteNameOf(path));
  seekToStart(fd);
  writeAll(fd, new TextEncoder().encode(owners.map((id) => `${id}\n`).join("")), path);
}

/**
 * Takes ranges of ids that nobody has. @param directory of the files. @param firsts of the pieces there are.
 * @param count of pieces that are wanted one behind the other. @returns the first ids of those; undefined if there are none left.
 */
export function takePieces(
  directory: string,
  firsts: Iterable<number>,
  count: number,
  id: string,
): number[] | undefined {
  mkdirAll(directory);
  const known = new Set(readdir(directory));
  const all = [...firsts];
  const isRow = (at: number) => {
    const row = all.slice(at, at + count);
    return row.length === count && row.every((first, index) => first === all[at]! + index * pieceSize);
  };
  // Those that somebody has are looked into only when there are no others.
  for (const isKnown of [false, true])
    for (let at = 0; at < all.length; at++) {
      if (!isRow(at)) continue;
      const row = all.slice(at, at + count);
      if (row.some((first) => known.has(String(first))) !== isKnown) continue;
      if (
        takeAll(
          row.map((first) => `${directory}/${first}`),
          id,
        )
      )
        return row;
    }
  return undefined;
}

function takeAll(paths: string[], id: string): boolean {
  const taken: string[] = [];
  for (const path of paths) {
    if (take(path, id)) taken.push(path);
    else {
      releaseIds(id, taken);
      return false;
    }
  }
  return true;
}

function take(path: string, id: string): boolean {
  for (;;) {
    using file = owned(open(path, O_RDWR | O_CREAT, 0o600));
    if (!flock(file.fd, { wait: false })) return false;
    // Somebody has given it back since we opened it.
    if (fstat(file.fd).nlink === 0) continue;
    if (ownersOf(file.fd, path).some((owner) => isThere(path, owner))) return false;
    writeOwners(file.fd, path, [id]);
    held.set(path, file.handOff());
    return true;
  }
}

/** A container that is, or is being made. */
function isThere(path: string, id: string): boolean {
  const root = path.split("/").slice(0, -2).join("/");
  return statIfAny(`${root}/containers/${id}`) !== undefined || statIfAny(`${root}/running/${id}`) !== undefined;
}

/**
 * They are this container's: taken a moment ago, or another's whose namespace it is in. Its lock file is there by now, so that
 * nobody mistakes it for one that is not.
 */
export function holdIds(id: string, paths: readonly string[]): void {
  for (const path of paths) {
    const ours = held.get(path);
    if (ours !== undefined) {
      held.delete(path);
      close(ours);
      continue;
    }
    using file = owned(open(path, O_RDWR | O_CREAT, 0o600));
    flock(file.fd, { wait: true });
    const owners = ownersOf(file.fd, path);
    if (!owners.includes(id)) writeOwners(file.fd, path, [...owners, id]);
  }
}

/** They are not this container's any more; the file goes with the last that had them. */
export function releaseIds(id: string, paths: readonly string[]): void {
  for (const path of paths) {
    const ours = held.get(path);
    held.delete(path);
    using file = owned(ours ?? openIfAny(path, O_RDWR));
    if (file === undefined) continue;
    if (ours === undefined) flock(file.fd, { wait: true });
    const owners = ownersOf(file.fd, path);
    // Given back already; what has this name now may be somebody else's.
    if (fstat(file.fd).nlink === 0 || !owners.includes(id)) continue;
    const others = owners.filter((owner) => owner !== id);
    if (others.length === 0) unlink(path);
    else writeOwners(file.fd, path, others);
  }
}
