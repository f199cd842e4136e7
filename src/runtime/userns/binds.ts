/** Whose the files of volumes and of the host's directories are in a container with a user namespace: idmapped mounts. */

import { hasCode, type SyscallError } from "../../errors.ts";
import { openInRootIfAny } from "../../linux/at.ts";
import { byteNameOf } from "../../linux/byte-name.ts";
import { type Fd, O_NOFOLLOW, O_PATH, open, owned } from "../../linux/file.ts";
import { mountSetattrIdmap } from "../../linux/mount.ts";
import { readlink } from "../../linux/names.ts";
import { readMountinfo } from "../../linux/proc/mountinfo.ts";
import { makeUserNamespace } from "../../linux/program/user-namespace.ts";
import { kernelVersion } from "../../linux/sysctl.ts";
import type { Adapt } from "../../linux/tree/copy.ts";
import type { BindStep } from "../../plan/host-step.ts";
import { callersMap, capabilityInside, type IdMaps, mapText, toContainer } from "../../plan/userns/id-map.ts";
import { type Ids, identityOnHost, type UserIds } from "./ids.ts";
import { fileSystemName } from "./owner.ts";

export { asRoot, identityOnHost } from "./ids.ts";

/** Nobody, as the kernel shows whom it does not know. */
const overflowId = 65534;

/** What is seen by the numbers of the host, by those of the container. */
export const insideOf = (ids: IdMaps): Adapt => ({
  owner: ({ uid, gid }) => ({
    uid: toContainer(ids.uids, uid) ?? overflowId,
    gid: toContainer(ids.gids, gid) ?? overflowId,
  }),
  capability: (value) => capabilityInside(ids, value),
});

/** Who a file belongs to on the disk that is to be the user's inside (option `U`). */
export function ownerOnDisk({ owners }: BindStep, user: UserIds, ids: Ids): { uid: number; gid: number } {
  if (owners === undefined) return identityOnHost(ids, user);
  if (owners === "same") return user;
  return { uid: user.uid || owners.uid, gid: user.gid || owners.gid };
}

/** Shows a detached mount with its owners as the step says; what says nothing is shown as it is. */
export function showOwners(mount: Fd, { owners, source, recursive }: BindStep, ids: Ids, user: UserIds): void {
  if (owners === undefined) return;
  if (owners === "same") {
    showBy(ids.fd, mount, source, recursive);
    return;
  }
  const maps = {
    uid: mapText(callersMap(ids.uids, owners.uid, user.uid)),
    gid: mapText(callersMap(ids.gids, owners.gid, user.gid)),
  };
  using namespace = owned(makeUserNamespace(maps));
  showBy(namespace.fd, mount, source, recursive);
}

const refused = ["EINVAL", "EPERM", "EOPNOTSUPP"] as const;

function showBy(namespace: Fd, mount: Fd, source: string, recursive: boolean): void {
  try {
    mountSetattrIdmap(mount, namespace, { recursive }, source);
  } catch (error) {
    if (!hasCode(error, ...refused)) throw error;
    showEach(namespace, mount, source, recursive);
  }
}

/** Views of the kernel, which have no owners but root. */
const views = new Set(
  "proc sysfs cgroup cgroup2 devtmpfs devpts mqueue debugfs tracefs securityfs configfs bpf efivarfs pstore fusectl binfmt_misc autofs nsfs".split(
    " ",
  ),
);

/** Not all that is mounted below can be shown so: what can't keeps the owners that it has, who are nobody inside. */
function showEach(namespace: Fd, mount: Fd, source: string, recursive: boolean): void {
  const type = fileSystemName(mount);
  if (!views.has(type)) {
    try {
      mountSetattrIdmap(mount, namespace, { recursive: false }, source);
    } catch (error) {
      if (!hasCode(error, ...refused)) throw error;
      const kernel = kernelVersion();
      throw (error as SyscallError).withHint(
        `a user namespace needs idmapped mounts to show owners, and this is ${type} on Linux ${kernel} (ext4, xfs, btrfs have them, tmpfs from 6.3 on): --userns host shows them as they are`,
      );
    }
  }
  if (!recursive) return;
  for (const path of mountPointsBelow(source)) {
    using below = owned(openInRootIfAny(mount, byteNameOf(path), O_PATH | O_NOFOLLOW));
    if (below) ignoringRefused(() => mountSetattrIdmap(below.fd, namespace, { recursive: false }, source));
  }
}

function ignoringRefused(set: () => void): void {
  try {
    set();
  } catch (error) {
    if (!hasCode(error, ...refused)) throw error;
  }
}

/** Where something is mounted below a directory, relative to that. */
function mountPointsBelow(source: string): string[] {
  using opened = owned(open(source, O_PATH));
  const directory = readlink(`/proc/self/fd/${opened.fd}`).replace(/\/$/, "");
  return readMountinfo()
    .filter(({ point }) => point.startsWith(`${directory}/`))
    .map(({ point }) => point.slice(directory.length + 1));
}
