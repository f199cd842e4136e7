/** What the host's side makes for a container with a user namespace: that itself, and what takes root of the host. */

import { hasCode } from "../../errors.ts";
import { mkdirAt } from "../../linux/at.ts";
import { byteName, byteNameOf } from "../../linux/byte-name.ts";
import { cwd, type Fd, O_RDONLY, open, owned } from "../../linux/file.ts";
import { fsmount, mountSetattr } from "../../linux/mount.ts";
import { makeUserNamespace } from "../../linux/program/user-namespace.ts";
import { mknodAt } from "../../linux/tree/entries.ts";
import { chownAt } from "../../linux/tree/metadata.ts";
import type { Device } from "../../oci/spec.ts";
import { type IdMaps, mapText, toHost } from "../../plan/userns/id-map.ts";
import type { MappedHostStep } from "../../plan/userns/step.ts";
import { asRoot, type Ids } from "./ids.ts";
import { holdIds, releaseIds } from "./ranges.ts";

export { asRoot, identityOnHost } from "./ids.ts";
export { releaseIds } from "./ranges.ts";

export const makeNamespace = ({ uids, gids }: IdMaps): Fd =>
  makeUserNamespace({ uid: mapText(uids), gid: mapText(gids) });

/** That of another container, or one of its own. */
export const openNamespace = ({ path, uids, gids }: Extract<MappedHostStep, { do: "user-namespace" }>): Ids => ({
  fd: path === undefined ? makeNamespace({ uids, gids }) : open(path, O_RDONLY),
  uids,
  gids,
});

/** @param ended true once the container has run: then `keep` counts. */
export function hold(
  { id, paths, keep }: Extract<MappedHostStep, { do: "hold-ids" }>,
  undo: { add(undo: () => void): void },
  ended: () => boolean,
): void {
  undo.add(() => {
    if (!(keep && ended())) releaseIds(id, paths);
  });
  holdIds(id, paths);
}

export const giveDirectory = (path: string, { uid, gid }: { uid: number; gid: number }): void =>
  chownAt(cwd, byteNameOf(path), uid, gid);

/** What whoever may make cgroups in one has to write to (cgroups(7), delegation); its limits are not among them. */
const ofDelegation = ["", "/cgroup.procs", "/cgroup.threads", "/cgroup.subtree_control"];

export function giveCgroup(path: string, owner: { uid: number; gid: number }): void {
  for (const file of ofDelegation) giveDirectory(path + file, owner);
}

/**
 * A file system of which the host is the owner, and its root directory the container's root, attached nowhere.
 * Nodes are our own: no inode of the host's /dev is seen inside.
 */
export function makeFileSystem(step: Extract<MappedHostStep, { do: "file-system" }>, ids: Ids): Fd {
  const { type, source, options, devices } = step;
  return asRoot(ids, () => {
    using made = owned(fsmount(type, source, options));
    for (const device of devices) makeDevice(made.fd, device, step.target, ids);
    return made.handOff();
  });
}

function makeDevice(directory: Fd, device: Device, below: string, { uids, gids }: IdMaps): void {
  const { path, type, major, minor, fileMode: mode, uid, gid } = device;
  const parts = path.slice(below.length + 1).split("/");
  const name = byteNameOf(parts.join("/"));
  for (let depth = 1; depth < parts.length; depth++) {
    const parent = byteNameOf(parts.slice(0, depth).join("/"));
    ignoringExisting(() => mkdirAt(directory, parent, 0o755));
  }
  const kind = ({ c: "char", b: "block", p: "fifo" } as const)[type];
  mknodAt(directory, name, { type: kind, mode, major, minor });
  chownAt(directory, name, toHost(uids, uid) ?? 0, toHost(gids, gid) ?? 0);
}

function ignoringExisting(make: () => void): void {
  try {
    make();
  } catch (error) {
    if (!hasCode(error, "EEXIST")) throw error;
  }
}

/** What the masks of init are copies of (plan/program/mounts.ts): a null device and an empty directory that nobody can write to. */
export const makeMasks = (ids: Ids): Fd =>
  asRoot(ids, () => {
    using made = owned(fsmount("tmpfs", "tmpfs", ["nosuid", "noexec", "mode=755", "size=4k"]));
    mknodAt(made.fd, byteName`null`, { type: "char", mode: 0o666, major: 1, minor: 3 });
    mkdirAt(made.fd, byteName`empty`, 0o555);
    mountSetattr(made.fd, ["ro"], { recursive: false }, "tmpfs for masks");
    return made.handOff();
  });
