/** What is done to a container by the runtime that has made it. Loaded for those that have another than ours. */

import { Failure } from "../../errors.ts";
import type { Child } from "../../linux/clone.ts";
import type { Fd } from "../../linux/file.ts";
import type { Process, Spec } from "../../oci/spec.ts";
import type { Paths } from "../../paths.ts";
import type { CleanupRecord } from "../../plan/cleanup-record.ts";
import { type ExecOptions, processOf } from "../../plan/exec.ts";
import { completeProcess } from "../../plan/external/config.ts";
import { callFor, type RuntimeCall } from "../../plan/rare/external.ts";
import { userOf } from "../../plan/user.ts";
import { type ExecEnd, type ExecIo, identityIn, type Joined } from "../../runtime/exec.ts";
import { deleteContainer } from "../../runtime/external/container.ts";
import { joinContainer, runExternalExec } from "../../runtime/external/exec.ts";
import { sendSignal } from "../../runtime/external/signal.ts";
import { unconnected } from "../../runtime/stdio.ts";
import { type ContainerRecord, directoryOf } from "../record/container.ts";

/** Its runtime, as it is called for it. @param record of one that has another than ours. */
const callOf = (paths: Paths, { id, settings: { runtime } }: ContainerRecord): RuntimeCall =>
  callFor(runtime!, id, directoryOf(paths, id));

/** Another process in it. @param own the capabilities that we have. */
export const execBy = (
  paths: Paths,
  record: ContainerRecord,
  joined: Joined,
  spec: Spec,
  options: ExecOptions,
  own: string[],
  how: ExecIo,
): ExecEnd =>
  runExternalExec(
    { ...joined, runtime: callOf(paths, record), directory: directoryOf(paths, record.id) },
    processFor(spec, options, own),
    how,
  );

/** As the specification has it, but for its user's name. */
function processFor(spec: Spec, options: ExecOptions, own: string[]): Process {
  const { consoleSize: _, ...process } = processOf(spec, options, own);
  const { terminal, terminalSize: size } = options;
  return { ...process, terminal, ...(size && { consoleSize: { height: size.rows, width: size.columns } }) };
}

/** A health check: a process that its runtime makes. */
export interface ExternalCheck {
  process: Process;
  runtime: RuntimeCall;
  /** Of the container. */
  directory: string;
}

/** @param options of the check. */
export const planCheckBy = (
  paths: Paths,
  record: ContainerRecord,
  spec: Spec,
  options: ExecOptions,
): ExternalCheck => ({
  process: processFor(spec, options, []),
  runtime: callOf(paths, record),
  directory: directoryOf(paths, record.id),
});

/** Starts a check, which waits until its runtime has made it. @param output is its stdout and stderr. */
export function startCheckBy(joined: Joined, { process, ...by }: ExternalCheck, output: Fd): Child {
  const identity = identityIn(joined, { user: userOf({ process }) });
  const stdio = unconnected();
  stdio.inside = [undefined, output, output];
  return joinContainer({ ...joined, ...by }, completeProcess(process, identity), stdio);
}

/** Signals its first process. */
export const signalBy = (paths: Paths, record: ContainerRecord, pidfd: Fd, signal: number): void =>
  sendSignal(callOf(paths, record), pidfd, signal);

/** What its runtime has made is taken back. One that can't any more must not keep the rest. */
export function deleteLeft({ runtime }: CleanupRecord): void {
  try {
    if (runtime) deleteContainer(runtime);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
  }
}
