/** The files of /etc of a container that runs, when its networks have changed. */

import { byteNameOf, openInRoot, openInRootIfAny } from "../linux/at.ts";
import {
  close,
  fstat,
  O_DIRECTORY,
  O_NONBLOCK,
  O_PATH,
  O_TRUNC,
  O_WRONLY,
  openIfAny,
  writeAll,
} from "../linux/file.ts";
import type { Endpoint } from "../plan/network.ts";
import { planEtcFiles } from "./etc-files.ts";
import type { Container } from "./record.ts";

/**
 * In place, for programs that have them open. The container may have put anything in their stead, which is then within its
 * root in any case, and written to only if it is a file.
 */
export function rewriteEtcFiles({ record, state }: Pick<Container, "record" | "state">, endpoints: Endpoint[]): void {
  if (record.rootfs !== undefined) return;
  const root = openIfAny(`/proc/${state.process?.pid}/root`, O_PATH | O_DIRECTORY);
  if (root === undefined) return;
  for (const { name, text } of planEtcFiles(record.options, { endpoints }, () => {})) {
    const path = byteNameOf(`/etc/${name}`);
    const place = openInRootIfAny(root, path, O_PATH);
    if (place === undefined) continue;
    const isFile = fstat(place).type === "file";
    close(place);
    if (!isFile) continue;
    const file = openInRoot(root, path, O_WRONLY | O_TRUNC | O_NONBLOCK);
    writeAll(file, new TextEncoder().encode(text), `/etc/${name}`);
    close(file);
  }
  close(root);
}
