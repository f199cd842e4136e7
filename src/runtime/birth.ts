/**
 * The birth of a container's init: the first thing a `run` does, before it even reads its options.
 *
 * A fork copies one thread only, so a lock that another thread held would stay locked in the child for ever. Bun starts
 * helper threads when the heap has grown by some 500 KB, or with the first asynchronous I/O; so init is cloned before
 * that, waits for its plan in one read(2), and meanwhile unshares its namespaces beside its parent's work. The parent
 * may then use threads as it likes: load an image, fetch one.
 */

import { hasCode } from "../errors.ts";
import { findCgroup2, removeCgroup, removeEmptyCgroup } from "../linux/cgroup.ts";
import { type Child, clone3, pidfdSendSignal, randomHex, wait } from "../linux/clone.ts";
import { close, flock, mkdir, mkdirAll, O_DIRECTORY, O_RDONLY, open } from "../linux/file.ts";
import { socketpair } from "../linux/poll.ts";
import { allSignals, blockSignals, signals } from "../linux/signal.ts";
import { cgroupPath, planClone, surelyOwnNetwork } from "../plan/clone.ts";
import { forwarded } from "./forwarded.ts";

/** An init that waits for its plan. */
export interface Birth {
  id: string;
  child: Child;
  /** The socket to it (sync.ts). */
  socket: number;
  /** Its cgroup v2 directory; absent where cgroup v2 is not mounted. */
  cgroup?: string;
  /** It has a network namespace of its own already. */
  network: boolean;
}

const mostAttempts = 10;

/** Only in the parent does this return. Call it while the process has one thread. @param id names its cgroup. */
export function bear(argv: string[], id = randomHex(32)): Birth {
  // From here on a signal waits until there is a container to pass it on to.
  blockSignals(forwarded);
  const cgroup2 = findCgroup2();
  for (let attempt = 1; ; attempt++) {
    const cgroup = cgroup2 && cgroup2.mountPoint + cgroupPath(id);
    try {
      const directory = cgroup === undefined ? undefined : ownCgroup(cgroup);
      const born = clone(directory, surelyOwnNetwork(argv));
      return { id, ...born, ...(cgroup !== undefined && { cgroup }) };
    } catch (error) {
      if (cgroup) removeContainerCgroup(cgroup);
      // Whoever ended last has removed the cgroup that holds them all, between two steps of ours.
      if (!hasCode(error, "ENOENT", "ENODEV") || attempt === mostAttempts) throw error;
    }
  }
}

/**
 * Makes a cgroup and locks it for as long as we live: one that nobody locks is a stray (engine/recover.ts). Between the two
 * the lock of its parent, shared by all who make one, keeps those away who remove strays.
 */
function ownCgroup(cgroup: string): number {
  const above = cgroup.slice(0, cgroup.lastIndexOf("/"));
  mkdirAll(above, 0o755);
  const parent = open(above, O_RDONLY | O_DIRECTORY);
  try {
    flock(parent, { shared: true, wait: true });
    mkdir(cgroup, 0o755);
    const directory = open(cgroup, O_RDONLY | O_DIRECTORY);
    flock(directory, { wait: true });
    return directory;
  } finally {
    close(parent);
  }
}

function clone(directory: number | undefined, network: boolean): Pick<Birth, "child" | "socket" | "network"> {
  const [socket, own] = socketpair();
  const { flags } = planClone(undefined);
  const child = clone3({ flags, ...(directory !== undefined && { cgroup: directory }) });
  if (!child) {
    close(socket);
    // Ctrl-C is the host side's business until there is a program: when it gives up, our socket closes.
    blockSignals(allSignals);
    // Loaded here, not above: what is loaded before a fork brings the first helper thread nearer.
    const { runInit } = require("./init.ts") as typeof import("./init.ts");
    return runInit(own, network);
  }
  close(own);
  return { child, socket, network };
}

/** Ends what is left of an init, whether it got a plan or not, and removes its cgroup. */
export function abandon({ child, cgroup }: Birth): void {
  if (pidfdSendSignal(child.pidfd, signals.SIGKILL)) wait(child);
  if (cgroup) removeContainerCgroup(cgroup);
}

/** Removes a container's cgroup with all that is in it, and the one that holds them all after the last. */
export function removeContainerCgroup(cgroup: string): void {
  removeCgroup(cgroup);
  removeEmptyCgroup(cgroup.slice(0, cgroup.lastIndexOf("/")));
}
