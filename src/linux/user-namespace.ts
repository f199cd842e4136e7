/** A user namespace without inhabitants: kept open, it says how owners are mapped (user_namespaces(7), mount_setattr(2)). */

import { ptr } from "bun:ffi";
import { Failure } from "../errors.ts";
import { CLONE, pidfdSendSignal, wait } from "./clone.ts";
import { close, O_RDONLY, open, readFile, writeSetting } from "./file.ts";
import { addressOf, bind, check, memory } from "./libc.ts";
import { signals } from "./signal.ts";

const libc = bind({ clone: ["int", "long", "long", "int", "ptr", "ptr"] });

/**
 * @param maps lines of uid_map and gid_map: "INSIDE OUTSIDE COUNT".
 * @returns a descriptor of the namespace.
 */
export function makeUserNamespace(maps: { uid: string; gid: string }): number {
  const pidfd = cloneToPause();
  try {
    const pid = pidOnProc(pidfd);
    writeSetting(`/proc/${pid}/uid_map`, maps.uid);
    writeSetting(`/proc/${pid}/gid_map`, maps.gid);
    return open(`/proc/${pid}/ns/user`, O_RDONLY);
  } finally {
    pidfdSendSignal(pidfd, signals.SIGKILL);
    wait({ pidfd });
    close(pidfd);
  }
}

const stackBytes = 65536;

/**
 * A namespace has to have somebody in it until it is open. Ours runs pause(2) of libc from its first instruction, and no
 * JavaScript: so it does not matter which threads, with which locks, we have (runtime/birth.ts).
 */
function cloneToPause(): number {
  const stack = memory(stackBytes);
  // It grows downwards, and begins at a multiple of 16.
  const end = ptr(stack) + stackBytes;
  const top = end - (end % 16);
  const pidfd = new Int32Array(new ArrayBuffer(4));
  const flags = CLONE.NEWUSER | CLONE.PIDFD | signals.SIGCHLD;
  check("clone", "NEWUSER", libc.clone(addressOf("pause"), top, flags, null, pidfd));
  return pidfd[0]!;
}

/** The number that /proc knows a process by: it may be mounted for another pid namespace than ours. */
function pidOnProc(pidfd: number): string {
  const pid = /^Pid:\s*(\d+)$/m.exec(readFile(`/proc/self/fdinfo/${pidfd}`))?.[1];
  if (pid === undefined) throw new Failure("/proc does not show a process of ours");
  return pid;
}
