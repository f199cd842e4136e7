/** Paths that containers have: to search for programs, and to mount something at. Pure. */

import { UsageError } from "../errors.ts";

/** As an entry of the environment. */
export const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Beside a container's `upper`, where that is a copy of all its layers (runtime/mount/copied-root.ts). */
export const copiedMark = "copied";

/**
 * Where something may be mounted: an absolute path without "..", and not one that the container itself depends on
 * (docs/security.md R18). @param subject who asks: an option, or the image.
 */
export function parseTarget(subject: string, path: string): string {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  const clean = `/${parts.join("/")}`;
  if (!path.startsWith("/")) throw new UsageError(`${subject}: ${JSON.stringify(path)} is not an absolute path`);
  if (path.includes("\0")) throw new UsageError(`${subject}: ${JSON.stringify(path)} has a NUL in it`);
  if (parts.includes("..")) throw new UsageError(`${subject}: ${JSON.stringify(path)} has ".." in it`);
  if (clean === "/") throw new UsageError(`${subject}: nothing can be mounted over /`);
  if (clean === "/proc" || clean.startsWith("/proc/"))
    throw new UsageError(`${subject}: nothing can be mounted over /proc`);
  return clean;
}
