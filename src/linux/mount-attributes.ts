/** Options of fstab(5) that are attributes of the mount, and not of the file system: what each sets and clears (mount_setattr(2)). */

import type { ConstantName } from "./constants.ts";

const atime = 0x70;

const attributes: Record<string, { set?: ConstantName; clear?: number }> = {
  ro: { set: "MOUNT_ATTR_RDONLY" },
  rw: { clear: 0x1 },
  nosuid: { set: "MOUNT_ATTR_NOSUID" },
  suid: { clear: 0x2 },
  nodev: { set: "MOUNT_ATTR_NODEV" },
  dev: { clear: 0x4 },
  noexec: { set: "MOUNT_ATTR_NOEXEC" },
  exec: { clear: 0x8 },
  relatime: { clear: atime },
  // What there is when nothing is said.
  atime: { clear: atime },
  norelatime: { clear: atime },
  nostrictatime: { clear: atime },
  noatime: { set: "MOUNT_ATTR_NOATIME", clear: atime },
  strictatime: { set: "MOUNT_ATTR_STRICTATIME", clear: atime },
  nodiratime: { set: "MOUNT_ATTR_NODIRATIME" },
  diratime: { clear: 0x80 },
  nosymfollow: { set: "MOUNT_ATTR_NOSYMFOLLOW" },
  symfollow: { clear: 0x200000 },
};

/** All there are, by their names. */
export const attributeNames = (): string[] => Object.keys(attributes);

/** Attributes to set and bits to clear; `rest` is the file system's own. */
export function mountAttributes(options: readonly string[]): { set: ConstantName[]; clear: number; rest: string[] } {
  const set = new Set<ConstantName>();
  const rest: string[] = [];
  let clear = 0;
  for (const option of options) {
    const attribute = Object.hasOwn(attributes, option) ? attributes[option] : undefined;
    if (!attribute) rest.push(option);
    if (attribute?.set) set.add(attribute.set);
    clear |= attribute?.clear ?? 0;
  }
  return { set: [...set], clear, rest };
}
