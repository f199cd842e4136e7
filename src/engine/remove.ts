/** Removing containers that are down, or with force those that are not. */

import { ConflictError } from "../errors.ts";
import { signals } from "../linux/signal.ts";
import type { Paths } from "../paths.ts";
import { forget } from "../runtime/host.ts";
import { type Container, directoryOf, isUp, readContainer, tell } from "./record.ts";
import { stopContainer } from "./stop.ts";

/** Removes a container with its writable layer, its log and its name. @param force also one that runs: it is killed. */
export function removeContainer(paths: Paths, container: Container, { force }: { force: boolean }): void {
  const { record, status } = container;
  if (isUp(container) || status === "restarting") {
    if (!force) {
      const hint = `tinydocker stop ${record.name}, or rm --force`;
      throw new ConflictError(
        `container ${record.name} is ${status === "restarting" ? "restarting" : "running"}`,
        hint,
      );
    }
    stopContainer(paths, container, { signal: signals.SIGKILL, timeoutS: 0, warn: () => {} });
    // One that was started with --rm is gone by now.
    if (!readContainer(paths, record.id)) return;
  }
  tell(paths, record, "destroy");
  forget({ directory: directoryOf(paths, record.id), namePath: `${paths.names}/${record.name}` });
}
