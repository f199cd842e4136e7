/** How a mount says which copies of secrets are its files. Pure. */

import type { Mount } from "../oci/spec.ts";

/** A copy as a file inside. */
export interface SecretFile {
  path: string;
  /** Empty if the mount itself is the file. */
  name: string;
  uid: number;
  gid: number;
  mode: number;
}

/** The files of a mount; none if it is no mount of secrets. */
export const secretFilesOf = ({ source = "", options = [] }: Mount): SecretFile[] =>
  options.flatMap((option) => {
    const [, number, uid, gid, mode, name = ""] =
      /^x-tinydocker\.secret=(\d+):(\d+):(\d+):([0-7]+):(.*)$/.exec(option) ?? [];
    if (number === undefined) return [];
    return [{ path: `${source}/${number}`, name, uid: Number(uid), gid: Number(gid), mode: Number.parseInt(mode!, 8) }];
  });
