/** Numbers that the kernel packs: file modes and device numbers. */

import { UsageError } from "../../errors.ts";
import { constants } from "../constants.ts";

const types = {
  c: constants.S_IFCHR,
  b: constants.S_IFBLK,
  p: constants.S_IFIFO,
  /** A regular file. */
  f: constants.S_IFREG,
} as const;

/** `st_mode` of a node of this type with these permission bits. */
export const fileMode = (type: keyof typeof types, permissions: number): number => types[type] + permissions;

/** A mask of bits by their numbers, from a list as `0-2,4`. @throws UsageError for one beyond `most`. */
export function bitsOfList(list: string, most: number): Uint8Array {
  const mask = new Uint8Array(most / 8);
  for (const range of list.split(",")) {
    const [first = "", last = first] = range.trim().split("-", 2);
    if (first === "") continue;
    if (Number(last) >= most) throw new UsageError(`${last} of ${JSON.stringify(list)} is above ${most - 1}`);
    for (let bit = Number(first); bit <= Number(last); bit++) mask[bit >> 3]! |= 1 << (bit & 7);
  }
  return mask;
}

/** makedev(3), as mknod(2) takes it. */
export const deviceNumber = (major: number, minor: number): number =>
  ((major & 0xfff) << 8) | (minor & 0xff) | ((minor & 0xfff00) << 12);
