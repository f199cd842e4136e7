/** Options of mounts for programs only: mount(8) ignores x-*. Pure. */

/** Make the bind's source directory on the host. */
export const createSourceOption = "x-tinydocker.create-source";

/** Fill the bind's source, the empty data of a volume, with what the image has at its target. */
export const copyUpOption = "x-tinydocker.copy-up";

/** With "ro": mounts below the source stay writable. */
export const writableBelowOption = "x-tinydocker.writable-below";

/** The bind's source is there only while a container uses it. */
export const detachedMountOption = "x-tinydocker.handed-over";

/** With `=PATH`: only this part of the source. */
export const subpathOption = "x-tinydocker.subpath";

/** Give the source to the container's user. */
export const chownOption = "x-tinydocker.chown";

/** With `=shared` or `=private`: the source is labelled (`z`, `Z`). */
export const relabelOption = "x-tinydocker.relabel";

/** With `=UID:GID`: files of this user of the host are the container's user's inside. */
export const idmapOption = "x-tinydocker.idmap";

/** With `=PATH`: the source is a path in this mount namespace of another container. */
export const mountNamespaceOption = "x-tinydocker.mount-namespace";

/** Passed on as far as the source can: one that is private takes no mounts from anybody. */
export const anyPropagationOption = "x-tinydocker.any-propagation";

/** A tmpfs that the host's side makes, as it begins as what it covers. */
export const hostMadeOption = "x-tinydocker.host-made";

/** Asked for by `--mount`, not by `--volume` or `--tmpfs`: for those who tell of it, no program gets it. */
export const byMountOption = "x-tinydocker.by-mount";

/** A volume that is not to be filled with what the image has. */
export const nocopyOption = "nocopy";

/** With `=UID:GID`, in a user namespace: files of this user of the host are root's inside, and the host's root's nobody's. */
export const callerOption = "x-tinydocker.caller";

/** `=NUMBER:UID:GID:MODE:NAME`, a copy that is a file of this mount, or without a name is it. */
export const secretOption = "x-tinydocker.secret";
