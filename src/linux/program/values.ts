/** Numbers that the kernel packs: file modes and device numbers. */

import { constants } from "../constants.ts";

const types = { c: constants.S_IFCHR, b: constants.S_IFBLK, p: constants.S_IFIFO } as const;

/** `st_mode` of a node of this type with these permission bits. */
export const fileMode = (type: keyof typeof types, permissions: number): number => types[type] + permissions;

/** makedev(3), as mknod(2) takes it. */
export const deviceNumber = (major: number, minor: number): number =>
  ((major & 0xfff) << 8) | (minor & 0xff) | ((minor & 0xfff00) << 12);
