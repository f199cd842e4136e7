/** overlayfs's signs in a layer: for a name that is deleted, and for a directory that hides those below it. */

import { type ByteName, byteName } from "../linux/byte-name.ts";
import type { Fd } from "../linux/file.ts";
import type { Stat } from "../linux/stat.ts";
import { fgetxattr, fsetxattr } from "../linux/tree/xattr.ts";

const opaqueKey = byteName`trusted.overlay.opaque`;
const yes = new TextEncoder().encode("y");

/** Nothing of the layers below shines through this directory. */
export const makeOpaque = (fd: Fd, subject: ByteName): void => fsetxattr(fd, opaqueKey, yes, subject);

export const isOpaque = (fd: Fd): boolean => fgetxattr(fd, opaqueKey)?.[0] === yes[0];

/** A name of the layers below that is deleted. */
export const isWhiteout = (stat: Stat): boolean => stat.type === "char" && stat.rdev === "0:0";
