/** What a start leaves in a container's writable layer: empty files, over which those of /etc were mounted (runtime/etc-files.ts). */

import type { ByteName } from "../linux/at.ts";
import type { Stat } from "../linux/file.ts";

const names = new Set(["etc/hosts", "etc/hostname", "etc/resolv.conf"]);

/** True for such a file: it is no change of the container's, which never saw it. @param path with or without a slash first. */
export const isPlaceholder = (path: ByteName, { type, size }: Stat): boolean =>
  type === "file" && size === 0 && names.has(path.replace(/^\//, ""));
