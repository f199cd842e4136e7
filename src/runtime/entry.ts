/**
 * Another process in a container that runs (`exec`). A pid namespace is entered by a child only, so there are two forks:
 *
 *     cli -- clone --> A      waits for the container's pidfd and cgroup; enters its pid namespace
 *                      A -- clone(CLONE_PARENT, into the cgroup) --> B     the cli's own child, in the pid namespace:
 *                      A ends                                              enters the others, becomes the program
 *
 * Both come before the first helper thread (birth.ts): A does nothing but this.
 */

import { clone3, exitNow } from "../linux/clone.ts";
import { close } from "../linux/file.ts";
import { enterNamespaces } from "../linux/namespace.ts";
import { receiveMessage, sendMessage, socketpair } from "../linux/poll.ts";
import { prctl } from "../linux/process.ts";
import { allSignals, blockSignals, signals } from "../linux/signal.ts";
import { forwarded } from "./forwarded.ts";
import { failure, send } from "./sync.ts";

/** The way into a container that is not chosen yet. */
export interface Entry {
  /** The socket to A, and later to B (sync.ts). */
  socket: number;
  /** A's number, to be waited for. */
  guide: { pid: number; pidfd: number };
}

/** Clones A. Only in the caller does this return. Call it while the process has one thread. */
export function openEntry(): Entry {
  blockSignals(forwarded);
  const [socket, own] = socketpair();
  const guide = clone3();
  if (guide) {
    close(own);
    return { socket, guide };
  }
  close(socket);
  blockSignals(allSignals);
  // Nobody in the container may look into us while we hold descriptors of the host.
  prctl("SET_PDEATHSIG", signals.SIGKILL);
  prctl("SET_DUMPABLE", 0);
  return guideIn(own);
}

function guideIn(own: number): never {
  const [pidfd, cgroup] = receiveMessage(own)?.fds ?? [];
  if (pidfd === undefined) exitNow(0);
  try {
    enterNamespaces(pidfd, ["NEWPID"]);
    const child = clone3({ flags: ["PARENT"], ...(cgroup !== undefined && { cgroup }) });
    if (!child) {
      const { runEntered } = require("./init.ts") as typeof import("./init.ts");
      return runEntered(own, pidfd);
    }
    sendMessage(own, { data: new TextEncoder().encode(String(child.pid)), fds: [child.pidfd] });
  } catch (error) {
    send(own, failure("enter", error));
  }
  exitNow(0);
}
