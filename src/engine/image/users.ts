/** Who uses an image: containers, also those that have ended. */

import type { Digest } from "../../oci/digest.ts";
import type { Paths } from "../../paths.ts";
import { listContainers } from "../record/container.ts";

/** Names one that uses an image ("container web"). The containers are read anew for each question: they come and go. */
export const imageUser =
  (paths: Paths) =>
  (id: Digest): string | undefined => {
    const user = listContainers(paths).find(({ record }) => record.imageId === id);
    return user && `container ${user.record.name}`;
  };
