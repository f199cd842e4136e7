/** Another process in a container of another OCI runtime. */

import { resetAttributes } from "../../linux/attributes.ts";
import { type Child, type Exit, randomHex } from "../../linux/clone.ts";
import { owned } from "../../linux/file.ts";
import { closeAll } from "../../linux/poll.ts";
import { memfd } from "../../linux/process.ts";
import { blockSignals } from "../../linux/signal.ts";
import type { Process } from "../../oci/spec.ts";
import { completeProcess } from "../../plan/external/config.ts";
import { formatBundle } from "../../plan/external/json.ts";
import { bundleOf, type RuntimeCall } from "../../plan/rare/external.ts";
import { userOf } from "../../plan/user.ts";
import { identityIn, type Joined } from "../exec.ts";
import { forwarded } from "../forwarded.ts";
import { type ConnectedStdio, connectToCaller, type Stdio } from "../stdio.ts";
import { checkDelivered, supervise } from "../supervise.ts";
import { pathOf } from "./call.ts";
import { makeProcess } from "./process.ts";

/** The container that is joined, by its runtime. */
export interface JoinedBy extends Joined {
  runtime: RuntimeCall;
  /** Of the container. */
  directory: string;
}

/** Runs another process with the caller's stdio. @returns how it ended; undefined if it was not waited for. */
export function runExternalExec(
  joined: JoinedBy,
  process: Process,
  io: {
    stdio: Stdio;
    callerIsTerminal: boolean;
    detach: boolean;
    detachKeys?: Uint8Array;
    onStarted?: (child: Child) => void;
    onEnded?: (exit: Exit) => void;
  },
): Exit | "detached" | undefined {
  blockSignals(forwarded);
  // Of our caller's shell nothing gets into the container, and the runtime is our child.
  resetAttributes();
  const identity = identityIn(joined, { user: userOf({ process }) });
  const connected = connectToCaller(io.stdio, io.callerIsTerminal, identity, () => {}, undefined, io.detachKeys);
  try {
    const child = joinContainer(joined, completeProcess(process, identity), connected);
    closeAll(connected.inside.filter((fd) => fd !== undefined));
    io.onStarted?.(child);
    if (io.detach) return undefined;
    const exit = supervise(child, connected);
    if (!exit) {
      const { handOffTerminal } = require("../keep-terminal.ts") as typeof import("../keep-terminal.ts");
      handOffTerminal(connected.terminal!, child.pidfd);
      return "detached";
    }
    io.onEnded?.(exit);
    checkDelivered(connected);
    return exit;
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
