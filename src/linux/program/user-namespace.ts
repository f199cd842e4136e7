/**
 * User namespaces as descriptors (user_namespaces(7)): made without inhabitants, to say how owners are mapped
 * (mount_setattr(2)), and somebody else's, which tell their maps to whoever is inside alone.
 */

import { Failure } from "../../errors.ts";
import { pidfdSendSignal, wait } from "../clone.ts";
import { close, type Fd, O_RDONLY, open, owned, read, readFile, writeSetting } from "../file.ts";
import { syscallError } from "../libc.ts";
import { pipe } from "../poll.ts";
import { signals } from "../signal.ts";
import { type Launched, launch } from "./launch.ts";
import { Frame, Given, names } from "./record.ts";
import { Writer } from "./writer.ts";

/** Lines of uid_map and gid_map: "INSIDE OUTSIDE COUNT". */
export interface MapTexts {
  uid: string;
  gid: string;
}

/** @returns a descriptor of a new namespace. */
export function makeUserNamespace(maps: MapTexts): Fd {
  const inhabitant = launchInhabitant(["CLONE_NEWUSER"]);
  try {
    const pid = pidOnProc(inhabitant.pidfd);
    writeSetting(`/proc/${pid}/uid_map`, maps.uid);
    writeSetting(`/proc/${pid}/gid_map`, maps.gid);
    return open(`/proc/${pid}/ns/user`, O_RDONLY);
  } finally {
    end(inhabitant);
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
    end(inhabitant);
  }
}

function end({ pidfd, assembled }: Launched): void {
  pidfdSendSignal(pidfd, signals.SIGKILL);
  wait({ pidfd });
  close(pidfd);
  assembled.arena.unmap();
}

const given = { namespace: new Given("user namespace"), ready: new Given("pipe") };

/**
 * A namespace has to have somebody in it until it is open: a process that has nothing, and waits to be killed.
 * @param joined the namespace that it enters, and what it writes a byte to when it is there; else it is born in a new one.
 */
function launchInhabitant(flags: "CLONE_NEWUSER"[], joined?: { namespace: Fd; ready: Fd }): Launched {
  const writer = new Writer();
  writer.step("wait");
  const entry = writer.label();
  writer.operation("own-memory");
  writer.operation("close-inherited");
  writer.call("prctl", [names("PR_SET_PDEATHSIG"), names("SIGKILL")]);
  if (joined) {
    writer.call("setns", [given.namespace, names("CLONE_NEWUSER")]);
    writer.call("write", [given.ready, "r", 1]);
  }
  writer.call("ppoll", [0, 0, 0, 0]);
  const program = writer.program(entry, new Frame());
  return launch(program, {
    flags,
    given: joined ? { [given.namespace.name]: joined.namespace, [given.ready.name]: joined.ready } : {},
    keep: joined ? [joined.namespace, joined.ready] : [],
  });
}

/** The number that /proc knows a process by: it may be mounted for another pid namespace than ours. */
function pidOnProc(pidfd: Fd): string {
  const pid = /^Pid:\s*(\d+)$/m.exec(readFile(`/proc/self/fdinfo/${pidfd}`))?.[1];
  if (pid === undefined) throw new Failure("/proc does not show a process of ours");
  return pid;
}
