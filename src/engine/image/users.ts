/** Who uses an image: containers, also those that have ended, and who has mounted it on the host. */

import { type Digest, hexOf } from "../../oci/digest.ts";
import type { Paths } from "../../paths.ts";
import { isMounted } from "../../runtime/mount/host-mount.ts";
import { listContainers } from "../record/container.ts";

/** Names one that uses an image ("container web"). The containers are read anew for each question: they come and go. */
export const imageUser =
  (paths: Paths) =>
  (id: Digest): string | undefined => {
    const user = listContainers(paths).find(
      ({ record }) =>
        record.imageId === id || record.options.mounts.some(({ type, source }) => type === "image" && source === id),
    );
    if (user) return `container ${user.record.name}`;
    const path = `${paths.mounts}/${hexOf(id)}`;
    return isMounted(path) ? `a mount on ${path} (tinydocker image unmount takes it away)` : undefined;
  };
