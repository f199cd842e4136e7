/** Another process in a container that runs. */

import { ConflictError, NotFoundError, StartError } from "../../errors.ts";
import type { Child, Exit } from "../../linux/clone.ts";
import { openProcess } from "../../linux/proc.ts";
import type { Paths } from "../../paths.ts";
import { type ExecOptions, planExec } from "../../plan/exec.ts";
import { runExec } from "../../runtime/exec.ts";
import { kindsOf, type Stdio } from "../../runtime/stdio.ts";
import { readSpec } from "../record/bundle.ts";
import { type Container, type ContainerRecord, directoryOf } from "../record/container.ts";
import { tellExec } from "./exec-events.ts";

/** Loaded for those who want all that we have. */
const own = () => require("../../runtime/own-capabilities.ts") as typeof import("../../runtime/own-capabilities.ts");

/** Loaded for those in a user namespace. */
const hardLimitsOf = () => (require("../../linux/process.ts") as typeof import("../../linux/process.ts")).hardLimits();

/** Loaded where another runtime makes its processes. */
const external = () => require("../external/container.ts") as typeof import("../external/container.ts");

/** Loaded for those who have some. */
const secretVariables = (paths: Paths, record: ContainerRecord): string[] =>
  (require("./secrets.ts") as typeof import("./secrets.ts")).secretVariables(paths, record);

/** @returns the exit code: the program's, or 128 + n for signal n; 0 for one that is not waited for. */
export function execInContainer(
  paths: Paths,
  { record, state, status }: Container,
  options: ExecOptions,
  io: { stdio: Stdio; callerIsTerminal: boolean; detachKeys?: Uint8Array; onDetached?: () => void },
): number {
  if (status === "paused")
    throw new ConflictError(`container ${record.name} is paused`, `tinydocker unpause ${record.name}`);
  const pidfd = state.status === "running" && state.process ? openProcess(state.process) : undefined;
  if (pidfd === undefined) throw new ConflictError(`container ${record.name} is not running`);
  const spec = readSpec(paths, record);
  const { id } = record;
  const env = record.options.secrets ? [...secretVariables(paths, record), ...options.env] : options.env;
  const asked = { ...options, env };
  const privileges = options.privileged ? own().ownCapabilities() : [];
  const plan = record.settings.runtime
    ? undefined
    : planExec(
        spec,
        asked,
        kindsOf(io.stdio),
        privileges,
        { id, directory: directoryOf(paths, id) },
        record.options.userns && hardLimitsOf(),
      );
  const joined = { pid: state.process!.pid, pidfd, cgroup: state.cgroup };
  const events = tellExec(paths, record, options.command);
  let child: Child | undefined;
  let exit: ReturnType<typeof runExec>;
  const onStarted = (started: Child) => {
    child = started;
    events.started(started.pid);
  };
  try {
    const onEnded = (end: Exit) => events.died(codeOf(end));
    const how = { ...io, detach: options.detach, onStarted, onEnded };
    exit = plan ? runExec(joined, plan, how) : external().execBy(paths, record, joined, spec, asked, privileges, how);
  } catch (error) {
    // A user or group that is not there is a failed start, too.
    const failure = error instanceof NotFoundError ? new StartError(error.message, error.hint, 125) : error;
    if (failure instanceof StartError) events.failed(failure.exitCode);
    throw failure;
  }
  if (exit !== undefined && exit !== "detached") return codeOf(exit);
  if (exit === "detached") events.detached();
  const { leaveExec } = require("../record/monitor-socket.ts") as typeof import("../record/monitor-socket.ts");
  leaveExec(paths, record.id, events.id(), child!.pidfd);
  if (exit === "detached") io.onDetached?.();
  return 0;
}

const codeOf = ({ code, signal }: Exit): number => code ?? 128 + signal!;
