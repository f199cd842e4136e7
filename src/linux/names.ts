/** Names of files and directories: made, removed, changed and followed, by path. */

import { EBUSY, EEXIST, EISDIR, ENOENT, ENOTEMPTY, ESRCH } from "./errno.ts";
import { AT_FDCWD, allow, bind, check, cstr, memory, readErrno, syscallError } from "./libc.ts";

const libc = bind({
  mkdirat: ["int", "int", "ptr", "int"],
  unlinkat: ["int", "int", "ptr", "int"],
  renameat: ["int", "int", "ptr", "int", "ptr"],
  linkat: ["int", "int", "ptr", "int", "ptr", "int"],
  readlinkat: ["long", "int", "ptr", "ptr", "long"],
});

const cwd = AT_FDCWD | 0;
const decoder = new TextDecoder();

/** mkdir(2). */
export const mkdir = (path: string, mode = 0o700): void =>
  void check("mkdir", path, libc.mkdirat(cwd, cstr(path), mode));

/** mkdir(2). @returns false if there is something of that name. */
export const mkdirIfNew = (path: string, mode = 0o700): boolean =>
  allow([EEXIST], "mkdir", path, libc.mkdirat(cwd, cstr(path), mode)) !== -1;

/** mkdir(2) for the path and every parent that is missing. @returns those that it made, parents first. */
export function mkdirAll(path: string, mode = 0o700): string[] {
  const above: string[] = [];
  // Again, because somebody may remove a parent that is empty still; but not for ever: /proc never takes one.
  for (let attempt = 1; ; attempt++) {
    const expected = attempt < 5 ? [EEXIST, ENOENT] : [EEXIST];
    const made = allow(expected, "mkdir", path, libc.mkdirat(cwd, cstr(path), mode));
    if (made !== -1) return [...above, path];
    if (readErrno() === EEXIST) return above;
    const parent = path.slice(0, path.lastIndexOf("/"));
    if (parent !== "") above.push(...mkdirAll(parent, mode));
  }
}

const AT_REMOVEDIR = 0x200;

/** unlink(2); a file that is not there is fine, and an empty directory in its place goes as well. */
export function unlink(path: string): void {
  const gone = allow([ENOENT, EISDIR], "unlink", path, libc.unlinkat(cwd, cstr(path), 0));
  if (gone !== -1 || readErrno() === ENOENT || rmdir(path)) return;
  throw syscallError("unlink", path, EISDIR);
}

/** rmdir(2); a directory that is not there is fine. @returns false if something is in it, or uses it. */
export function rmdir(path: string): boolean {
  const expected = [ENOENT, EBUSY, ENOTEMPTY];
  const removed = allow(expected, "rmdir", path, libc.unlinkat(cwd, cstr(path), AT_REMOVEDIR));
  return removed !== -1 || readErrno() === ENOENT;
}

/** rename(2). */
export const rename = (from: string, to: string): void =>
  void check("rename", `${from} to ${to}`, libc.renameat(cwd, cstr(from), cwd, cstr(to)));

/** link(2): another name for a file. */
export const link = (from: string, to: string): void =>
  void check("link", `${from} to ${to}`, libc.linkat(cwd, cstr(from), cwd, cstr(to), 0));

/** Gives a name to an open file that has none yet (O_TMPFILE). @returns false if the name is taken. */
export function linkOpenFile(fd: number, path: string): boolean {
  const from = cstr(`/proc/self/fd/${fd}`);
  const result = libc.linkat(cwd, from, cwd, cstr(path), AT_SYMLINK_FOLLOW);
  return allow([EEXIST], "link", path, result) !== -1;
}
const AT_SYMLINK_FOLLOW = 0x400;

/** The target of a symbolic link. */
export function readlink(path: string): string {
  const buffer = memory(4096);
  const length = check("readlink", path, libc.readlinkat(cwd, cstr(path), buffer, buffer.length));
  return decoder.decode(buffer.subarray(0, length));
}

/** The target of a symbolic link, or undefined where there is none. */
export function readlinkIfAny(path: string): string | undefined {
  const buffer = memory(4096);
  const result = libc.readlinkat(cwd, cstr(path), buffer, buffer.length);
  const length = allow([ENOENT, ESRCH], "readlink", path, result);
  return length === -1 ? undefined : decoder.decode(buffer.subarray(0, length));
}
