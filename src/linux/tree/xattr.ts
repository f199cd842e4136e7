/** Extended attributes of open files: flistxattr(2) and fgetxattr(2) (xattr(7)). */

import { type ByteName, byteNameFrom, textOf } from "../at.ts";
import { ENODATA, EOPNOTSUPP } from "../errno.ts";
import type { Fd } from "../file.ts";
import { allow, bind, memory } from "../libc.ts";

const libc = bind({
  flistxattr: ["long", "int", "ptr", "long"],
  fgetxattr: ["long", "int", "ptr", "ptr", "long"],
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

/**
 * True for an attribute that is a part of the file, and goes where its copies go: capabilities and plain user attributes; never
 * what steers overlayfs or a security module (docs/security.md R32).
 */
export const belongsToFile = (key: ByteName): boolean =>
  key === "security.capability" || (key.startsWith("user.") && !key.startsWith("user.overlay."));
