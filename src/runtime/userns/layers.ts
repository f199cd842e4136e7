/**
 * The root of a container with a user namespace: the layers belong to the host's ids on the disk, and are shown as the
 * container's (idmapped mounts), each for itself; what it writes lies in its own directory under the ids of its namespace.
 * @see https://docs.kernel.org/filesystems/idmappings.html
 */

import { hasCode } from "../../errors.ts";
import { type Fd, O_DIRECTORY, O_PATH, type Owned, open, owned } from "../../linux/file.ts";
import { mountSetattr, mountSetattrIdmap, moveMount, openTree } from "../../linux/mount.ts";
import { inOwnMounts } from "../../linux/namespace.ts";
import type { Ids } from "./ids.ts";

/** Makes an overlay, of its layers by their paths or as mounts. */
type MakeOverlay<Overlay> = (overlay: Overlay, mounts?: readonly Fd[]) => Fd;

/** @param own of the layers, those that belong to the ids of the namespace already. */
export function makeMappedOverlay<Overlay extends { lower: readonly string[] }>(
  overlay: Overlay,
  ids: Pick<Ids, "fd">,
  make: MakeOverlay<Overlay>,
  own: ReadonlySet<string> = new Set(),
): Fd {
  using root = owned(withMapped(overlay.lower, own, ids, (mounts) => overlayOf(overlay, mounts, make)));
  // A device in a layer would belong to the container's root, who has no other right to it.
  mountSetattr(root.fd, ["nodev"], { recursive: false }, "the container's root");
  return root.handOff();
}

/** From Linux 6.13 on a layer may be a mount that is attached nowhere; before, it has a path, which only we see. */
function overlayOf<Overlay extends { lower: readonly string[] }>(
  overlay: Overlay,
  mounts: readonly Fd[],
  make: MakeOverlay<Overlay>,
): Fd {
  try {
    return make(overlay, mounts);
  } catch (error) {
    if (!hasCode(error, "EBADF", "EINVAL")) throw error;
    return inOwnMounts(() => {
      overlay.lower.forEach((path, index) => {
        using over = owned(open(path, O_PATH | O_DIRECTORY));
        moveMount(mounts[index]!, over.fd, path);
      });
      return make(overlay);
    });
  }
}

function withMapped(
  paths: readonly string[],
  own: ReadonlySet<string>,
  ids: Pick<Ids, "fd">,
  use: (mounts: readonly Fd[]) => Fd,
): Fd {
  const mounts: Owned[] = [];
  try {
    for (const path of paths) mounts.push(owned(own.has(path) ? plainMount(path) : mappedMount(path, ids)));
    return use(mounts.map(({ fd }) => fd));
  } finally {
    for (const mount of mounts) mount[Symbol.dispose]();
  }
}

function plainMount(path: string): Fd {
  using directory = owned(open(path, O_PATH | O_DIRECTORY));
  return openTree(directory.fd, { recursive: false });
}

/** A directory alone, attached nowhere, whose files belong to the same ids inside as on the disk. */
export function mappedMount(path: string, { fd }: Pick<Ids, "fd">): Fd {
  using mount = owned(plainMount(path));
  mountSetattrIdmap(mount.fd, fd, { recursive: false }, path);
  return mount.handOff();
}
