/**
 * The files of /etc that are about the network, written into the container's own layer before anything is mounted in it: so
 * nothing that the image leads to lies outside that layer, and a mount of the user's at their place covers them.
 */

import { hasCode } from "../errors.ts";
import * as at from "../linux/at.ts";
import { byteName, byteNameOf } from "../linux/byte-name.ts";
import {
  close,
  type Fd,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  O_TRUNC,
  O_WRONLY,
  open,
  owned,
  writeAll,
} from "../linux/file.ts";
import { fstat } from "../linux/stat.ts";
import { futimens } from "../linux/tree/metadata.ts";
import type { EtcFile } from "../plan/network/network.ts";

export function writeEtcFiles(files: EtcFile[], root: Fd): void {
  using etc = owned(openEtc(root));
  // The image has something there that is not a directory: it will not look for files in it.
  if (etc === undefined) return;
  const { mtimeNs } = fstat(etc.fd);
  for (const { name, text } of files) {
    using file = owned(openExisting(root, name) ?? openNew(etc.fd, name));
    if (file) writeAll(file.fd, new TextEncoder().encode(text), `/etc/${name}`);
  }
  // They are no change of the container's (engine/network/etc-files.ts): their directory looks as before.
  const nanoseconds = Number(mtimeNs % 1_000_000_000n);
  futimens(etc.fd, { seconds: Number(mtimeNs / 1_000_000_000n), nanoseconds }, byteName`/etc`);
}

function openEtc(root: Fd): Fd | undefined {
  const flags = O_RDONLY | O_DIRECTORY;
  return ifLeading(() => {
    const found = at.openInRootIfAny(root, byteName`etc`, flags);
    if (found !== undefined) return found;
    const { ensureDirectory } = require("../linux/tree/inroot.ts") as typeof import("../linux/tree/inroot.ts");
    close(ensureDirectory(root, "/etc"));
    return at.openInRoot(root, byteName`etc`, flags);
  });
}

/** The image's file, emptied. A device or a pipe in its place is not touched. */
function openExisting(root: Fd, name: string): Fd | undefined {
  using found = owned(ifLeading(() => at.openInRootIfAny(root, byteNameOf(`etc/${name}`), O_PATH)));
  if (found === undefined) return undefined;
  // By the descriptor, so that it is the very file that was looked at.
  return fstat(found.fd).type === "file" ? open(`/proc/self/fd/${found.fd}`, O_WRONLY | O_TRUNC) : undefined;
}

/** A new file in the place of whatever is there, but for a directory. */
function openNew(etc: Fd, text: string): Fd | undefined {
  const name = byteNameOf(text);
  const path = byteName`/etc/${name}`;
  const create = () => at.openAt(etc, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, path, 0o644);
  try {
    return create();
  } catch (error) {
    if (!hasCode(error, "EEXIST")) throw error;
  }
  try {
    at.unlinkAt(etc, name, path);
  } catch (error) {
    if (hasCode(error, "EISDIR")) return undefined;
    throw error;
  }
  return create();
}

/** Undefined for symbolic links that lead nowhere, or in a circle. */
function ifLeading(find: () => Fd | undefined): Fd | undefined {
  try {
    return find();
  } catch (error) {
    if (hasCode(error, "ENOENT", "ELOOP", "ENOTDIR", "EEXIST")) return undefined;
    throw error;
  }
}
