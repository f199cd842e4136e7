/** A user namespace without inhabitants: kept open, it says how owners are mapped (user_namespaces(7), mount_setattr(2)). */

import { Failure } from "../../errors.ts";
import { pidfdSendSignal, wait } from "../clone.ts";
import { close, type Fd, O_RDONLY, open, readFile, writeSetting } from "../file.ts";
import { signals } from "../signal.ts";
import { launch } from "./launch.ts";
import { Frame, names } from "./record.ts";
import { Writer } from "./writer.ts";

/**
 * @param maps lines of uid_map and gid_map: "INSIDE OUTSIDE COUNT".
 * @returns a descriptor of the namespace.
 */
export function makeUserNamespace(maps: { uid: string; gid: string }): Fd {
  const pidfd = launchInhabitant();
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

/** A namespace has to have somebody in it until it is open: a process that has nothing, and waits to be killed. */
function launchInhabitant(): Fd {
  const writer = new Writer();
  writer.step("wait");
  const entry = writer.label();
  writer.operation("own-memory");
  writer.operation("close-inherited");
  writer.call("prctl", [names("PR_SET_PDEATHSIG"), names("SIGKILL")]);
  writer.call("ppoll", [0, 0, 0, 0]);
  const program = writer.program(entry, new Frame());
  const { pidfd, assembled } = launch(program, { flags: ["CLONE_NEWUSER"], given: {}, keep: [] });
  assembled.arena.unmap();
  return pidfd;
}

/** The number that /proc knows a process by: it may be mounted for another pid namespace than ours. */
function pidOnProc(pidfd: Fd): string {
  const pid = /^Pid:\s*(\d+)$/m.exec(readFile(`/proc/self/fdinfo/${pidfd}`))?.[1];
  if (pid === undefined) throw new Failure("/proc does not show a process of ours");
  return pid;
}
