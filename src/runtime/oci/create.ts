/** A container from its bundle to the moment when its program is about to run, or runs. */

import { byteNameOf, mknodAt } from "../../linux/at.ts";
import { close, cwd, type Fd, O_RDWR, open, writeFileAtomic } from "../../linux/file.ts";
import { closeAll } from "../../linux/poll.ts";
import { identify } from "../../linux/proc.ts";
import { umask } from "../../linux/process.ts";
import type { BundlePlan } from "../../plan/bundle/bundle.ts";
import { type Preparing, performHost } from "../host.ts";
import { follow, killInit, leave, type Prepared, type Starting, spawnInit } from "../init.ts";
import type { ConnectedStdio, Owner } from "../stdio.ts";
import { undoList } from "../undo.ts";
import { refuseBusyCgroup } from "./cgroup-path.ts";
import { type ContainerState, pathsOf, removeDirectory, reserve, writeState } from "./state.ts";

export interface CreateRequest {
  /** Where the states of all containers are. */
  root: string;
  state: Omit<ContainerState, "process">;
  plan: BundlePlan;
  /** What the program gets as 0, 1 and 2. */
  connect(owner: Owner): ConnectedStdio;
  preserved: Fd[];
  /** It ends waiting for `start`. */
  waits: boolean;
  pidFile?: string;
}

/** A container that there is, by its first process. */
export interface CreatedContainer extends Pick<Starting, "child"> {
  connected: ConnectedStdio;
}

/** Makes a container. A failure leaves nothing; a creator that is killed, what the next command cleans up. */
export function createContainer(request: CreateRequest): CreatedContainer {
  const { root, state, plan, waits } = request;
  const paths = pathsOf(root, state.id);
  // What we create has exactly the mode that we say.
  umask(0);
  const undo = undoList();
  let connected: ConnectedStdio | undefined;
  try {
    const { cgroup, madeCgroups } = state;
    const lock = reserve(root, state.id, { ...(cgroup && { cgroup }), ...(madeCgroups && { madeCgroups }) });
    undo.add(() => {
      removeDirectory(paths.directory);
      close(lock);
    });
    if (cgroup !== undefined) refuseBusyCgroup(cgroup);
    const prepared: Preparing = { binds: [], preserved: request.preserved };
    performHost(plan.build, undo, { prepared });
    if (waits) prepared.fifo = makeFifo(paths.fifo);
    connected = request.connect(prepared.identity!);
    const init = spawnInit(plan, prepared as Prepared, connected);
    undo.add(() => killInit(init));
    closeAll(connected.inside.filter((fd) => fd !== undefined));
    const record = () => {
      writeState(root, { ...state, process: identify(init.child.pid) });
      if (request.pidFile !== undefined) writeFileAtomic(request.pidFile, String(init.child.pid));
    };
    advance(init, {
      until: waits ? "created" : "executed",
      terminal: connected.connect,
      release: () => {
        performHost(plan.release, undo, { prepared });
        if (!waits) record();
      },
      created: record,
    });
    close(lock);
    return { child: init.child, connected };
  } catch (error) {
    connected?.restore();
    undo.run(error);
    throw error;
  }
}

/** Follows init until it waits for `start`, or has become the program. */
function advance(
  init: Starting,
  on: { until: "created" | "executed"; terminal(master: Fd): void; release(): void; created(): void },
): void {
  let isCreated = false;
  const created = () => {
    on.created();
    isCreated = true;
  };
  try {
    while (!follow(init, { ...on, created }) && !(isCreated && on.until === "created"));
  } finally {
    leave(init);
  }
}

/** Open for both: init reads from it, and there is no end of file while nobody writes. */
function makeFifo(path: string): Fd {
  mknodAt(cwd, byteNameOf(path), { type: "fifo", mode: 0o600, major: 0, minor: 0 });
  return open(path, O_RDWR);
}
