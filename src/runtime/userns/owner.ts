/** Whose files a bind mount shows: given to the container's user for good (`U`), or only shown as theirs (an idmapped mount). */

import { hasCode, type SyscallError } from "../../errors.ts";
import { byteNameOf } from "../../linux/byte-name.ts";
import { type Fd, O_NONBLOCK, O_RDONLY, open, owned } from "../../linux/file.ts";
import { mountSetattrIdmap } from "../../linux/mount.ts";
import { readMountinfo } from "../../linux/proc/mountinfo.ts";
import { makeUserNamespace } from "../../linux/program/user-namespace.ts";
import { fstat } from "../../linux/stat.ts";
import { kernelVersion } from "../../linux/sysctl.ts";
import { fchown } from "../../linux/tree/metadata.ts";
import { giveTree } from "../../linux/tree/walk.ts";
import type { IdMapping } from "../../oci/rare.ts";
import type { BindStep } from "../../plan/host-step.ts";

/** chown(2) of an open file or directory, and of all that is in it. */
export function giveTo(source: Fd, user: { uid: number; gid: number }, subject: string): void {
  // What is open as a path only can't be listed.
  using file = owned(open(`/proc/self/fd/${source}`, O_RDONLY | O_NONBLOCK));
  fchown(file.fd, user.uid, user.gid, byteNameOf(subject));
  if (fstat(file.fd).type === "directory") giveTree(file.fd, user, byteNameOf(subject));
}

/**
 * Shows the files of one user of the host as the container user's; what that one writes belongs to the other. Everybody
 * else's files are nobody's inside, and root there has no more power over them than a stranger.
 * @see https://docs.kernel.org/filesystems/idmappings.html
 */
export function showAs(
  mount: Fd,
  owner: { uid: number; gid: number },
  user: { uid: number; gid: number },
  { recursive, source }: { recursive: boolean; source: string },
): void {
  const maps = { uid: `${owner.uid} ${user.uid} 1`, gid: `${owner.gid} ${user.gid} 1` };
  mapOwners(mount, maps, { recursive, source });
}

/** Shows owners as mappings have it: who is `containerID` in the source is shown as `hostID`. */
export function showMapped(
  mount: Fd,
  { uid, gid, recursive }: NonNullable<BindStep["mappings"]>,
  source: string,
): void {
  const lines = (mappings: IdMapping[]) =>
    mappings.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join("");
  mapOwners(mount, { uid: lines(uid), gid: lines(gid) }, { recursive, source });
}

function mapOwners(
  mount: Fd,
  maps: { uid: string; gid: string },
  { recursive, source }: { recursive: boolean; source: string },
): void {
  using userNamespace = owned(makeUserNamespace(maps));
  try {
    mountSetattrIdmap(mount, userNamespace.fd, { recursive }, source);
  } catch (error) {
    if (!hasCode(error, "EINVAL", "EPERM", "EOPNOTSUPP")) throw error;
    throw (error as SyscallError).withHint(whatIsMissing(mount));
  }
}

/** What file system a mount is of, by its name in mountinfo. */
export function fileSystemName(mount: Fd): string {
  const { device } = fstat(mount);
  return readMountinfo().find((line) => line.device === device)?.type ?? "unknown";
}

function whatIsMissing(mount: Fd): string {
  const type = fileSystemName(mount);
  const kernel = kernelVersion();
  return `owners can be mapped (option me, idmap) on a file system with idmapped mounts, and so on every one mounted below: this is ${type} on Linux ${kernel} (ext4, xfs, btrfs have them, tmpfs from 6.3 on); without me, owners are shown as they are`;
}
