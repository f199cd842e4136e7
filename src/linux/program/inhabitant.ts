/** A process that has nothing and does nothing, until it is killed: it keeps a place that the kernel keeps for no one. */

import { pidfdSendSignal, wait } from "../clone.ts";
import { close, type Fd } from "../file.ts";
import { signals } from "../signal.ts";
import { type Launched, launch } from "./launch.ts";
import { Frame, Given, names } from "./record.ts";
import { Writer } from "./writer.ts";

const given = { namespace: new Given("user namespace"), ready: new Given("pipe") };

/**
 * It ends with us, if nobody ends it before.
 * @param joined the user namespace that it enters, and what it writes a byte to when it is there.
 */
export function launchInhabitant(flags: "CLONE_NEWUSER"[] = [], joined?: { namespace: Fd; ready: Fd }): Launched {
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

export function endInhabitant({ pidfd, assembled }: Launched): void {
  pidfdSendSignal(pidfd, signals.SIGKILL);
  wait({ pidfd });
  close(pidfd);
  assembled.arena.unmap();
}
