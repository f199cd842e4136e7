/**
 * The last process to close a netlink socket that has deleted something of nf_tables waits until no processor uses it any more:
 * 10 to 40 ms (RCU). Who is about to end, and is waited for, has another process be the last.
 */

import { close, type Fd } from "../../linux/file.ts";
import { stringVector } from "../../linux/process.ts";
import { posixSpawn } from "../../linux/spawn.ts";

/** What a process of ours is called that only ends (main.ts), and thereby closes what it was given. */
export const deferredCloseCommand = "deferred-close";

/** Closes a socket without waiting. */
export function deferClose(socket: Fd): void {
  // All that it has is the socket: nobody's output is held open by it.
  posixSpawn("/proc/self/exe", stringVector(["tinydocker", deferredCloseCommand]), stringVector([]), {
    fds: [socket, socket, socket],
    session: true,
  });
  close(socket);
}
