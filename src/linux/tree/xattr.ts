/** Extended attributes of open files: flistxattr(2), fgetxattr(2) and fsetxattr(2) (xattr(7)). */

import { done, nameIn } from "../at.ts";
import { type ByteName, byteNameFrom, textOf } from "../byte-name.ts";
import { ENODATA, EOPNOTSUPP } from "../errno.ts";
import type { Fd } from "../file.ts";
import { allow, bind, memory } from "../libc.ts";

const libc = bind({
  flistxattr: ["long", "int", "ptr", "long"],
  fgetxattr: ["long", "int", "ptr", "ptr", "long"],
  fsetxattr: ["int", "int", "ptr", "ptr", "long", "int"],
});

/** The names of a file's attributes; none where the file system has no such thing. */
export function listXattrs(fd: Fd, subject: ByteName): ByteName[] {
  const call = (buffer: Uint8Array | null, size: number) =>
    allow([EOPNOTSUPP], "list attributes of", textOf(subject), libc.flistxattr(fd, buffer, size));
  const size = call(null, 0);
  if (size <= 0) return [];
  const buffer = memory(size);
  const length = call(buffer, size);
  return byteNameFrom(buffer.subarray(0, Math.max(length, 0)))
    .split("\0")
    .filter(Boolean);
}

/** An attribute's value, or undefined where the file has it no more. */
export function readXattr(fd: Fd, key: ByteName, subject: ByteName): Uint8Array | undefined {
  const name = Buffer.from(`${key}\0`, "latin1");
  const call = (buffer: Uint8Array | null, size: number) =>
    allow([ENODATA], `read ${textOf(key)} of`, textOf(subject), libc.fgetxattr(fd, name, buffer, size));
  const size = call(null, 0);
  if (size === -1) return undefined;
  const value = memory(size);
  const length = size === 0 ? 0 : call(value, size);
  return length === -1 ? undefined : value.subarray(0, length);
}

/** fsetxattr(2). */
export const fsetxattr = (fd: Fd, key: ByteName, value: Uint8Array, subject: ByteName): void =>
  void done(
    `set ${key} of`,
    subject,
    libc.fsetxattr(fd, nameIn(key), value.length > 0 ? value : null, value.length, 0),
  );

/** fgetxattr(2) of a small attribute, or undefined where the file has none. */
export function fgetxattr(fd: Fd, key: ByteName): Uint8Array | undefined {
  const value = memory(256);
  const length = libc.fgetxattr(fd, nameIn(key), value, value.length);
  return length === -1 ? undefined : value.subarray(0, length);
}

/**
 * True for an attribute that is a part of the file, and goes where its copies go: capabilities and plain user attributes; never
 * what steers overlayfs or a security module (docs/security.md R32).
 */
export const belongsToFile = (key: ByteName): boolean =>
  key === "security.capability" || (key.startsWith("user.") && !key.startsWith("user.overlay."));
