/** The socket of a container's monitor, in the container's directory. */

import { type Fd, O_DIRECTORY, O_PATH, open, owned } from "../../linux/file.ts";
import { connectAt } from "../../linux/unix.ts";
import type { Paths } from "../../paths.ts";
import { controlSocket } from "../../runtime/run.ts";
import { directoryOf } from "./container.ts";

/** Connects to the monitor of a running container, or undefined where there is none. */
export function connectToContainer(paths: Paths, id: string): Fd | undefined {
  using directory = owned(open(directoryOf(paths, id), O_PATH | O_DIRECTORY));
  return connectAt(directory.fd, controlSocket);
}
