/** Entries of directories that are more than a file or a directory: links and devices; and what is moved. */

import { done, nameIn } from "../at.ts";
import { type ByteName, textOf } from "../byte-name.ts";
import { EEXIST } from "../errno.ts";
import type { Fd } from "../file.ts";
import { allow, bind, syscall } from "../libc.ts";

const libc = bind({
  symlinkat: ["int", "ptr", "int", "ptr"],
  linkat: ["int", "int", "ptr", "int", "ptr", "int"],
  renameat: ["int", "int", "ptr", "int", "ptr"],
});

/** symlinkat(2); the target is stored as it is. */
export const symlinkAt = (target: ByteName, directory: Fd, entry: ByteName, subject = entry): void =>
  void done("symlink", subject, libc.symlinkat(nameIn(target, 1), directory, nameIn(entry)));

/** linkat(2) with flags 0: a symbolic link is itself linked, never followed. */
export const linkAt = (from: Fd, target: ByteName, to: Fd, entry: ByteName, subject = entry): void =>
  void done("link", subject, libc.linkat(from, nameIn(target, 1), to, nameIn(entry), 0));

/** renameat(2) within a directory. */
export const renameAt = (directory: Fd, from: ByteName, to: ByteName): void =>
  void done("rename", from, libc.renameat(directory, nameIn(from), directory, nameIn(to, 1)));

const RENAME_NOREPLACE = 1;

/** renameat2(2) of an entry into another directory, under its name. @returns false if there is one of that name already. */
export function moveAt(from: Fd, entry: ByteName, to: Fd, subject = entry): boolean {
  const result = syscall("renameat2", from, nameIn(entry), to, nameIn(entry, 1), RENAME_NOREPLACE);
  return allow([EEXIST], "move", textOf(subject), result) !== -1;
}

const fileTypes = { char: 0o020000, block: 0o060000, fifo: 0o010000 };

/** mknodat(2) by number: glibc before 2.33 has no such symbol. */
export function mknodAt(
  directory: Fd,
  entry: ByteName,
  node: { type: keyof typeof fileTypes; mode: number; major: number; minor: number },
  subject = entry,
): void {
  const device = ((node.minor & 0xfff00) << 12) | ((node.major & 0xfff) << 8) | (node.minor & 0xff);
  done("mknod", subject, syscall("mknodat", directory, nameIn(entry), fileTypes[node.type] | node.mode, device >>> 0));
}
