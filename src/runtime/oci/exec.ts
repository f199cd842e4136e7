/** Another process in a container. */

import { Failure } from "../../errors.ts";
import { type Fd, owned, writeFileAtomic } from "../../linux/file.ts";
import { openProcess } from "../../linux/proc.ts";
import { umask } from "../../linux/process.ts";
import { statIfAny } from "../../linux/stat.ts";
import type { ExecPlan } from "../../plan/exec.ts";
import { identityIn, spawnExec } from "../exec.ts";
import { awaitStart, killInit } from "../follow.ts";
import type { ConnectedStdio, Owner } from "../stdio.ts";
import { supervise } from "../supervise.ts";
import { type ContainerState, statusOf } from "./state.ts";

export interface JoinRequest {
  plan: ExecPlan;
  connect(owner: Owner): ConnectedStdio;
  preserved: Fd[];
  detach: boolean;
  pidFile?: string;
  /** Of a cgroup that the container has made below its own. */
  cgroup?: string;
  /** It may have to wait until the container goes on. */
  ignorePaused: boolean;
}

/** Runs a process. @returns its exit code; 0 if it is not waited for. @throws Failure unless the container runs */
export function joinContainer(root: string, state: ContainerState, request: JoinRequest): number {
  const { plan, detach } = request;
  umask(0);
  using pidfd = owned(openProcess(state.process));
  if (pidfd === undefined) throw new Failure("cannot exec in a stopped container: container not running");
  if (!request.ignorePaused && statusOf(root, state) === "paused")
    throw new Failure("cannot exec in a paused container (use --ignore-paused to override)");
  const joined = { pid: state.process.pid, pidfd: pidfd.fd, cgroup: cgroupOf(state, request.cgroup) };
  const identity = identityIn(joined, plan);
  const connected = request.connect(identity);
  try {
    const starting = spawnExec(joined, plan, identity, connected.inside, request.preserved);
    const { pid } = starting.child;
    try {
      awaitStart(starting, {
        terminal: connected.connect,
        release: () => {
          if (request.pidFile !== undefined) writeFileAtomic(request.pidFile, String(pid));
        },
      });
      if (detach) return 0;
      const exit = supervise(starting.child, connected)!;
      return exit.code ?? 128 + exit.signal!;
    } catch (error) {
      killInit(starting);
      throw error;
    }
  } finally {
    connected.restore();
  }
}

function cgroupOf({ cgroup }: ContainerState, below: string | undefined): string | undefined {
  if (below === undefined) return cgroup;
  const path = `${cgroup}/${below}`;
  if (cgroup === undefined || below.split("/").includes("..") || !statIfAny(path))
    throw new Failure(`the container has no cgroup ${below}`);
  return path;
}
