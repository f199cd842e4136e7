/** Exporting: all that a container has of files, as one tar. */

import { packTree } from "../../image/pack.ts";
import { owned } from "../../linux/file.ts";
import type { Paths } from "../../paths.ts";
import { withOutput } from "../image/output.ts";
import { emitContainerEvent, findContainer } from "../record/container.ts";
import { insideOf, openAllLayers } from "../record/rootfs.ts";

/** Without what is mounted in it: volumes are not the container's. @param file stdout if undefined. */
export async function exportContainer(
  paths: Paths,
  container: string,
  file: string | undefined,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const found = findContainer(paths, container);
  const adapt = insideOf(found);
  await withOutput(file, (write) => {
    using root = owned(openAllLayers(paths, found));
    packTree(root.fd, { layer: false, ...(adapt && { adapt }) }, (bytes) => {
      write(bytes);
      onBytes(bytes.length);
    });
  });
  emitContainerEvent(paths, found.record, "export");
}
