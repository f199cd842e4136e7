/** A process that a runtime has made and left to us, by the file with its number: our own child, as we are its subreaper. */

import { moveToCgroup } from "../../linux/cgroup.ts";
import type { Child } from "../../linux/clone.ts";
import { type Fd, readFile } from "../../linux/file.ts";
import { unlink } from "../../linux/names.ts";
import { placeInCgroup } from "../../linux/proc/cgroup.ts";
import { pidfdOpen } from "../../linux/proc.ts";
import { becomeSubreaper } from "../../linux/spawn.ts";
import type { RuntimeCall } from "../../plan/rare/external.ts";
import type { ConnectedStdio } from "../stdio.ts";
import { callRuntime, RuntimeError } from "./call.ts";
import { receiveTerminal } from "./console.ts";

/** What a process is made of. */
export interface Making {
  /** The command and its options; the container's id comes last. */
  words: string[];
  /** Where files of ours are made for the runtime. */
  bundle: string;
  pidFile: string;
  terminal: boolean;
  connected: ConnectedStdio;
  mounts?: Fd;
  /** The cgroup v2 directory that it is to be in. */
  cgroup: string | undefined;
}

/** Has the runtime make a process. @throws StartError that has its words */
export function makeProcess(call: RuntimeCall, making: Making): Child {
  const { words, bundle, pidFile, terminal, connected, mounts, cgroup } = making;
  becomeSubreaper();
  const make = (more: string[]) => {
    const stdio = terminal ? [] : connected.inside;
    const where = mounts !== undefined && { mounts };
    callRuntime(call, [...words, "--pid-file", pidFile, ...more, call.id], { stdio, ...where });
  };
  try {
    if (terminal) connected.connect(receiveTerminal(bundle, make));
    else make([]);
    const pid = Number(readFile(pidFile));
    const pidfd = pidfdOpen(pid);
    // Beside cgroup v1 a runtime knows nothing of v2: there all that we count and freeze and kill by is ours to see to.
    if (cgroup !== undefined && placeInCgroup(pid, cgroup) === undefined) moveToCgroup(pid, cgroup);
    return { pid, pidfd };
  } catch (error) {
    if (error instanceof RuntimeError) throw error.asStart();
    throw error;
  } finally {
    unlink(pidFile);
  }
}
