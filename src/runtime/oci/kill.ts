/** Signals to a container. */

import { Failure } from "../../errors.ts";
import { killCgroup } from "../../linux/cgroup.ts";
import { pidfdSendSignal } from "../../linux/clone.ts";
import { owned } from "../../linux/file.ts";
import { kill } from "../../linux/process.ts";
import { signals } from "../../linux/signal.ts";
import { processesOf } from "./processes.ts";
import { type ContainerState, openFirst, readState } from "./state.ts";

/** @param all to each of its processes. @throws Failure if it has ended. */
export function killContainer(root: string, id: string, signal: number, { all }: { all: boolean }): void {
  const state = readState(root, id);
  const everything = all || (signal === signals.SIGKILL && !ownsPids(state));
  if (everything && killAll(state, signal)) return;
  using first = owned(openFirst(state));
  if (!pidfdSendSignal(first.fd, signal)) throw new Failure("container not running");
}

/** Without a pid namespace of its own its processes do not end with the first. */
const ownsPids = ({ config }: ContainerState): boolean =>
  config.linux.namespaces.some(({ type, path }) => type === "pid" && path === undefined);

/** @returns false if there is none. */
function killAll(state: ContainerState, signal: number): boolean {
  const { cgroup } = state;
  const processes = processesOf(state);
  if (processes.length === 0) return false;
  if (signal === signals.SIGKILL && cgroup !== undefined) killCgroup(cgroup);
  else for (const pid of processes) kill(pid, signal);
  return true;
}
