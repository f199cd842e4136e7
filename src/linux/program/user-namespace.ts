/**
 * User namespaces as descriptors (user_namespaces(7)): made without inhabitants, to say how owners are mapped
 * (mount_setattr(2)), and somebody else's, which tell their maps to whoever is inside alone.
 */

import { Failure } from "../../errors.ts";
import { close, type Fd, O_RDONLY, open, owned, read, readFile, writeSetting } from "../file.ts";
import { syscallError } from "../libc.ts";
import { pipe } from "../poll.ts";
import { endInhabitant, launchInhabitant } from "./inhabitant.ts";
import type { Launched } from "./launch.ts";

/** Lines of uid_map and gid_map: "INSIDE OUTSIDE COUNT". */
export interface MapTexts {
  uid: string;
  gid: string;
}

/** @returns a descriptor of a new namespace. */
export function makeUserNamespace(maps: MapTexts): Fd {
  // A namespace has to have somebody in it until it is open.
  const inhabitant = launchInhabitant(["CLONE_NEWUSER"]);
  try {
    const pid = pidOnProc(inhabitant.pidfd);
    writeSetting(`/proc/${pid}/uid_map`, maps.uid);
    writeSetting(`/proc/${pid}/gid_map`, maps.gid);
    return open(`/proc/${pid}/ns/user`, O_RDONLY);
  } finally {
    endInhabitant(inhabitant);
  }
}

/** @param subject its path, for messages. @returns its maps, the outside being our own. @throws SyscallError */
export function readUserNamespace(namespace: Fd, subject: string): MapTexts {
  const inside = pipe();
  using reader = owned(inside.read);
  let inhabitant: Launched;
  try {
    inhabitant = launchInhabitant([], { namespace, ready: inside.write });
  } finally {
    close(inside.write);
  }
  try {
    if (read(reader.fd, new Uint8Array(1)) === 0) {
      const { arena, frame } = inhabitant.assembled;
      throw syscallError("setns", subject, arena.i32[(frame.at >> 2) + 2]!);
    }
    const pid = pidOnProc(inhabitant.pidfd);
    return { uid: readFile(`/proc/${pid}/uid_map`), gid: readFile(`/proc/${pid}/gid_map`) };
  } finally {
    endInhabitant(inhabitant);
  }
}

/** The number that /proc knows a process by: it may be mounted for another pid namespace than ours. */
function pidOnProc(pidfd: Fd): string {
  const pid = /^Pid:\s*(\d+)$/m.exec(readFile(`/proc/self/fdinfo/${pidfd}`))?.[1];
  if (pid === undefined) throw new Failure("/proc does not show a process of ours");
  return pid;
}
