/**
 * The files of /etc that are about the network: in memory, each mounted over the image's. They are not files of the host, so
 * that nothing of it is seen in the container's list of mounts; who changes them later goes by /proc/PID/root.
 */

import { hasCode } from "../errors.ts";
import * as at from "../linux/at.ts";
import {
  close,
  fstat,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  O_WRONLY,
  open,
  writeAll,
} from "../linux/file.ts";
import { ensureFile, openInRoot, openInRootIfAny } from "../linux/inroot.ts";
import { cloneMount, moveMount, newMount } from "../linux/mount.ts";
import type { InitStep } from "../plan/step.ts";
import { attach } from "./rootfs.ts";

/** A place of the host's tree that nobody needs any more: in our own mount namespace, and gone with that tree. */
const aside = "/dev";

/** Makes the files, and shows each at its place. */
export function mountEtcFiles({ files, create }: Extract<InitStep, { do: "etc-files" }>, root: number): void {
  const memory = newMount("tmpfs", "tmpfs", ["nosuid", "nodev", "noexec", "mode=0755", "size=1m"]);
  // What is mounted nowhere can't be mounted a second time.
  const over = open(aside, O_PATH | O_DIRECTORY);
  moveMount(memory, over, `tmpfs on ${aside}`);
  close(over);
  for (const { name, text } of files) {
    const path = `/etc/${name}`;
    const place = create ? placeFor(root, name) : openInRootIfAny(root, path);
    if (place === undefined) continue;
    const file = at.openAt(memory, at.byteNameOf(name), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, path, 0o644);
    at.fchmod(file, 0o644, path);
    writeAll(file, new TextEncoder().encode(text), path);
    attach(cloneMount(file, { recursive: false }), place, path);
    close(file);
  }
  close(memory);
}

/** The image's file, or an empty one to mount over; undefined where the image has something that leads nowhere. */
function placeFor(root: number, name: string): number | undefined {
  const path = `/etc/${name}`;
  const found = openInRootIfAny(root, path);
  if (found !== undefined) return found;
  const etc = openInRootIfAny(root, "/etc");
  const before = etc === undefined ? undefined : fstat(etc).mtimeNs;
  if (etc !== undefined) close(etc);
  try {
    const place = ensureFile(root, linkTarget(root, name) ?? path);
    // The place is ours, and no change of the container's: its directory looks as before.
    if (before !== undefined) setTime(root, before);
    return place;
  } catch (error) {
    if (hasCode(error, "ENOENT", "ELOOP", "ENOTDIR", "EEXIST", "EINVAL")) return undefined;
    throw error;
  }
}

/** Images of distributions have links to what their init system would make: that is made then, within the root. */
function linkTarget(root: number, name: string): string | undefined {
  const etc = openInRootIfAny(root, "/etc");
  if (etc === undefined) return undefined;
  try {
    const target = at.textOf(at.readlinkAt(etc, at.byteNameOf(name), `/etc/${name}`));
    return target.startsWith("/") ? target : `/etc/${target}`;
  } catch {
    return undefined; // it is no link, or not there
  } finally {
    close(etc);
  }
}

function setTime(root: number, mtimeNs: bigint): void {
  const etc = openInRoot(root, "/etc", O_RDONLY | O_DIRECTORY);
  const nanoseconds = Number(mtimeNs % 1_000_000_000n);
  at.futimens(etc, { seconds: Number(mtimeNs / 1_000_000_000n), nanoseconds }, "/etc");
  close(etc);
}
