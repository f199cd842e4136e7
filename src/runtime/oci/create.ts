/** A container from its bundle to the moment when its program is about to run, or runs. */

import { byteNameOf } from "../../linux/byte-name.ts";
import { close, cwd, type Fd, O_RDWR, open, writeFileAtomic } from "../../linux/file.ts";
import { closeAll } from "../../linux/poll.ts";
import { identify } from "../../linux/proc.ts";
import { umask } from "../../linux/process.ts";
import { mknodAt } from "../../linux/tree/entries.ts";
import type { Spec } from "../../oci/spec.ts";
import type { BundlePlan } from "../../plan/bundle/bundle.ts";
import { follow, killInit, leave, type Progress, type Starting } from "../follow.ts";
import { type Preparing, performHost } from "../host.ts";
import { type Prepared, spawnInit } from "../init.ts";
import type { ConnectedStdio, Owner } from "../stdio.ts";
import type { Holding } from "../systemd/scope.ts";
import { undoList } from "../undo.ts";
import { refuseBusyCgroup } from "./cgroup-path.ts";
import { runCreateHooks, runPoststartHooks, runPoststopHooks, runStartHooks } from "./hooks.ts";
import { removeDirectory } from "./remove.ts";
import { reserve } from "./reserve.ts";
import { type ContainerState, pathsOf, writeState } from "./state.ts";

export interface CreateRequest {
  /** Where the states of all containers are. */
  root: string;
  state: Omit<ContainerState, "process">;
  plan: BundlePlan;
  /** What the program gets as 0, 1 and 2. */
  connect(owner: Owner): ConnectedStdio;
  preserved: Fd[];
  /** Of poststop hooks of a container that fails. */
  warn(text: string): void;
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
  let hasHooks = false;
  // After all else: "after the container is deleted".
  undo.add(() => {
    if (hasHooks) runPoststopHooks(state).forEach(request.warn);
  });
  try {
    const { cgroup, madeCgroups, scope } = state;
    const unfinished = { ...(cgroup && { cgroup }), ...(madeCgroups && { madeCgroups }), ...(scope && { scope }) };
    const lock = reserve(root, state.id, unfinished);
    undo.add(() => {
      removeDirectory(paths.directory);
      close(lock);
    });
    if (cgroup !== undefined) refuseBusyCgroup(cgroup);
    const prepared: Preparing & Holding = { binds: [], preserved: request.preserved };
    performHost(plan.build, undo, { prepared });
    const joinedNetwork = prepared.joined?.network;
    if (joinedNetwork !== undefined) moveDevices(state.config, joinedNetwork);
    if (waits) prepared.fifo = makeFifo(paths.fifo);
    connected = request.connect(prepared.identity!);
    const init = spawnInit(plan, prepared as Prepared, connected);
    undo.add(() => killInit(init));
    prepared.inhabited?.();
    closeAll(connected.inside.filter((fd) => fd !== undefined));
    const first = init.child;
    const record = () => {
      writeState(root, { ...state, process: identify(init.child.pid) });
      if (request.pidFile !== undefined) writeFileAtomic(request.pidFile, String(init.child.pid));
    };
    advance(init, {
      until: waits ? "created" : "executed",
      terminal: connected.connect,
      network: (namespace) => moveDevices(state.config, namespace),
      hooks: () => {
        hasHooks = true;
        runCreateHooks(state, first);
      },
      release: () => {
        performHost(plan.release, undo, { prepared });
        if (!waits) {
          hasHooks = true;
          runStartHooks(state, first);
          record();
        }
      },
      created: record,
    });
    if (!waits) runPoststartHooks(state, first.pid);
    close(lock);
    return { child: first, connected };
  } catch (error) {
    connected?.restore();
    undo.run(error);
    throw error;
  }
}

/** Follows init until it waits for `start`, or has become the program. */
function advance(init: Starting, on: Progress & { until: "created" | "executed"; created(): void }): void {
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

/** Loaded for those who have some. */
function moveDevices({ linux: { netDevices } }: Spec, namespace: Fd): void {
  if (!netDevices) return;
  const { moveNetDevices } = require("../net-devices.ts") as typeof import("../net-devices.ts");
  moveNetDevices(netDevices, namespace);
}

/** Open for both: init reads from it, and there is no end of file while nobody writes. */
function makeFifo(path: string): Fd {
  mknodAt(cwd, byteNameOf(path), { type: "fifo", mode: 0o600, major: 0, minor: 0 });
  return open(path, O_RDWR);
}
