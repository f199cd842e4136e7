/**
 * Downloads that are not whole yet, or not yet part of an image: `partial/<hex of the digest>`, from its first byte on. Whoever
 * downloads one holds it exclusively, whoever reads one that is whole shares it; what nobody holds is left of a pull that was
 * cut off, and the next one goes on from there.
 */

import { hasCode } from "../errors.ts";
import { readdir } from "../linux/directory.ts";
import { close, type Fd, O_CREAT, O_NOFOLLOW, O_RDWR, open, owned } from "../linux/file.ts";
import { flock } from "../linux/flock.ts";
import { unlink } from "../linux/names.ts";
import { fstat, statIfAny } from "../linux/stat.ts";
import { type Digest, hexOf } from "../oci/digest.ts";
import type { Paths } from "../paths.ts";

export const partialFile = (paths: Paths, digest: Digest): string => `${paths.partial}/${hexOf(digest)}`;

/** Who has a download: we alone (to write it), we beside others (it has as many bytes as it is to have), or somebody else. */
export type Held = { fd: Fd; exclusive: boolean } | undefined;

/** Takes a download, which is made if there is none. Never waits; held until the descriptor is closed or the process dies. */
export function holdPartial(paths: Paths, digest: Digest, size: number): Held {
  const path = partialFile(paths, digest);
  for (;;) {
    const fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
    const exclusive = flock(fd, { wait: false });
    const held = exclusive || (flock(fd, { shared: true, wait: false }) && fstat(fd).size === size);
    if (held && isAt(path, fd)) return { fd, exclusive };
    close(fd);
    if (!held) return undefined;
    // It became a blob, or was collected, just now.
  }
}

/** From now on others may read it: it is whole. */
export const sharePartial = (fd: Fd): void => void flock(fd, { shared: true, wait: false });

/** Bytes that are there of a download, whoever writes it. */
export const partialBytes = (paths: Paths, digest: Digest): number => statIfAny(partialFile(paths, digest))?.size ?? 0;

function isAt(path: string, fd: Fd): boolean {
  const [named, opened] = [statIfAny(path), fstat(fd)];
  return named?.ino === opened.ino && named.device === opened.device;
}

const keptMs = 7 * 24 * 3600_000;
const maxKeptBytes = 10 * 2 ** 30;

/**
 * Removes downloads that nobody holds: those that were not gone on with for a week, and the oldest where all are more than 10 GiB.
 * @param all whatever their age. @returns bytes that became free
 */
export function collectPartials(paths: Paths, { all = false } = {}): number {
  const names = readdir(paths.partial) ?? []; // older stores have none
  const found = names.flatMap((name) => {
    const stat = statIfAny(`${paths.partial}/${name}`, { follow: false });
    return stat ? [{ path: `${paths.partial}/${name}`, bytes: stat.size, ms: Number(stat.mtimeNs / 1_000_000n) }] : [];
  });
  let [kept, freed] = [0, 0];
  for (const { path, bytes, ms } of found.toSorted((a, b) => b.ms - a.ms)) {
    kept += bytes;
    const stays = !all && kept <= maxKeptBytes && Date.now() - ms < keptMs;
    if (!stays && removeIfFree(path)) freed += bytes;
  }
  return freed;
}

function removeIfFree(path: string): boolean {
  try {
    using file = owned(open(path, O_RDWR | O_NOFOLLOW));
    if (!flock(file.fd, { wait: false })) return false;
    unlink(path);
    return true;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false; // it became a blob just now
    throw error;
  }
}
