/** Which file each system call is about, under a name that does not depend on the run or the machine. */

import type { Call } from "./strace.ts";

/** Calls whose first word in quotes is a path, below the directory of the descriptor before it if there is one. */
const withPath =
  /^(?:open|openat|openat2|statx?|lstat|newfstatat|access|faccessat2?|readlink|readlinkat|unlink|unlinkat|mkdir|mkdirat|rmdir|rename|renameat2?|execve|execveat|chdir|chroot|statfs|symlinkat|linkat|mknodat|fchownat|fchmodat2?|utimensat|open_tree|inotify_add_watch)$/;
const descriptor = /^\w+\((?:\d+|AT_FDCWD)<([^>]*)>/;
const quoted = /"([^"]*)"/;

/** The file that a call opens, asks about, reads or writes; undefined where it is about none. */
export function fileOf({ name, text }: Call): string | undefined {
  const base = descriptor.exec(text)?.[1];
  const path = withPath.test(name) ? quoted.exec(text)?.[1] : undefined;
  if (!path) return base;
  if (path.startsWith("/")) return path;
  return base === undefined ? path : `${base}/${path}`;
}

/** What a call read, in bytes. */
export function bytesRead({ name, text }: Call): number {
  if (!/^(?:p?read(?:v2?|64)?|getdents64)$/.test(name)) return 0;
  return Number(/= (\d+)$/.exec(text)?.[1] ?? 0);
}

/** @param names paths with what is printed in their place, such as that of the state root. */
export function generalized(path: string, names: [path: string, name: string][]): string {
  const known = names.reduce((text, [from, to]) => text.replace(from, to), path);
  return known
    .replace(/\(deleted\)$/, "")
    .replace(/[0-9a-f]{64}|[0-9a-f]{32}/g, "ID")
    .replace(/\.\d+\.new$/, ".new")
    .replace(/\b[0-9a-f]{12}\b/g, "ID")
    .replace(/^\/proc\/\d+/, "/proc/PID")
    .replace(/\/(task|fd|fdinfo)\/\d+/g, "/$1/N")
    .replace(/:\[\d+\]/, "");
}
