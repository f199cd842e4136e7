/** The mounts of a bundle, where only the runtime sees them: a mount namespace that is gone when the container runs. */

import { type Fd, O_PATH, O_RDONLY, open, owned, writeNewFile } from "../../linux/file.ts";
import { mount, moveMount } from "../../linux/mount.ts";
import { mkdir } from "../../linux/names.ts";
import { inNetworkNamespace, inOwnMounts, newNetworkNamespace } from "../../linux/namespace.ts";
import { findLink, setLink } from "../../linux/netlink/link.ts";
import { openNetlink, transact } from "../../linux/netlink/socket.ts";
import { fstat } from "../../linux/stat.ts";
import { mountedAt, rootfsOf } from "../../plan/rare/external.ts";

/** @param binds what is to be bound by its number. @returns the namespace. */
export const mountBundle = (bundle: string, root: Fd, binds: Fd[]): Fd =>
  inOwnMounts(() => {
    attach(root, rootfsOf(bundle));
    mount("mounts", `${bundle}/mounts`, "tmpfs", "mode=0700");
    binds.forEach((bind, number) => {
      const path = mountedAt(bundle, number);
      // A file is mounted on a file.
      if (fstat(bind).type === "directory") mkdir(path);
      else writeNewFile(path, "");
      attach(bind, path);
    });
    return open("/proc/self/ns/mnt", O_RDONLY);
  });

function attach(mounted: Fd, path: string): void {
  using over = owned(open(path, O_PATH));
  moveMount(mounted, over.fd, path);
}

/** A network namespace with nothing in it but its loopback device, which is up. */
export function makeNetwork(): Fd {
  using made = owned(newNetworkNamespace());
  using socket = owned(inNetworkNamespace(made.fd, () => openNetlink("ROUTE")));
  transact(socket.fd, [setLink(findLink(socket.fd, "lo")!.index, { up: true })]);
  return made.handOff();
}
