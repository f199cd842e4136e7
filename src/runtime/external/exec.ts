/** Another process in a container of another OCI runtime. */

import { resetAttributes } from "../../linux/attributes.ts";
import { type Child, randomHex } from "../../linux/clone.ts";
import { owned } from "../../linux/file.ts";
import { closeAll } from "../../linux/poll.ts";
import { memfd } from "../../linux/process.ts";
import { blockSignals } from "../../linux/signal.ts";
import type { Process } from "../../oci/spec.ts";
import { completeProcess } from "../../plan/external/config.ts";
import { formatBundle } from "../../plan/external/json.ts";
import { bundleOf, type RuntimeCall } from "../../plan/rare/external.ts";
import { userOf } from "../../plan/user.ts";
import { concludeExec, type ExecEnd, type ExecIo, followExec, identityIn, type Joined } from "../exec.ts";
import { forwarded } from "../forwarded.ts";
import { type ConnectedStdio, connectToCaller } from "../stdio.ts";
import { pathOf } from "./call.ts";
import { makeProcess } from "./process.ts";

/** The container that is joined, by its runtime. */
export interface JoinedBy extends Joined {
  runtime: RuntimeCall;
  /** Of the container. */
  directory: string;
}

/** Runs another process with the caller's stdio. @returns how it ended; undefined if it was not waited for. */
export function runExternalExec(joined: JoinedBy, process: Process, io: ExecIo): ExecEnd {
  blockSignals(forwarded);
  // Of our caller's shell nothing gets into the container, and the runtime is our child.
  resetAttributes();
  const identity = identityIn(joined, { user: userOf({ process }) });
  const connected = connectToCaller(io.stdio, io.callerIsTerminal, identity, () => {}, undefined, io.detachKeys);
  try {
    const child = joinContainer(joined, completeProcess(process, identity), connected);
    closeAll(connected.inside.filter((fd) => fd !== undefined));
    return concludeExec(followExec(child, connected, io), connected, io);
  } finally {
    connected.restore();
  }
}

/** Makes a process whose stdio is connected. @param process whose user is in numbers. */
export function joinContainer(
  { runtime, directory, cgroup }: JoinedBy,
  process: Process,
  connected: ConnectedStdio,
): Child {
  const bundle = bundleOf(directory);
  using file = owned(memfd("process.json", formatBundle(process)));
  return makeProcess(runtime, {
    words: ["exec", "--detach", "--process", pathOf(file.fd)],
    bundle,
    pidFile: `${bundle}/exec-${randomHex(4)}`,
    terminal: process.terminal ?? false,
    connected,
    cgroup,
  });
}
