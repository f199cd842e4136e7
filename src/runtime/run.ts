/** One container from its plan to its end: host's side, init, relay, exit, undo. */

import { killCgroup } from "../linux/cgroup.ts";
import type { Exit } from "../linux/clone.ts";
import { close, type Fd, O_DIRECTORY, O_PATH, open, owned, readFileIfAny } from "../linux/file.ts";
import { unlink } from "../linux/names.ts";
import { closeAll, type EventSource } from "../linux/poll.ts";
import { umask } from "../linux/process.ts";
import { blockSignals } from "../linux/signal.ts";
import { listenAt } from "../linux/unix.ts";
import type { HostStep } from "../plan/host-step.ts";
import type { Plan } from "../plan/step.ts";
import type { NetworkChange } from "./channel.ts";
import type { Clients } from "./clients.ts";
import { clientsLater, loadClients } from "./clients-later.ts";
import { guarded } from "./event-sources.ts";
import { awaitStart, killInit, type Progress } from "./follow.ts";
import { forwarded } from "./forwarded.ts";
import { type Preparing, performHost } from "./host.ts";
import { type Prepared, spawnInit } from "./init.ts";
import type { CleanUpDead } from "./lock-file.ts";
import { type LogOptions, openLog } from "./log.ts";
import { type ConnectedStdio, connectToCaller, type OnOutput, type Owner, type Stdio } from "./stdio.ts";
import { checkDelivered, controlsOf, deliverRest, type Supervision, superviseChild } from "./supervise.ts";
import { type UndoList, undoList } from "./undo.ts";
import { meterOf, type Usage } from "./usage.ts";

/** The name of the socket in a container's directory where others attach. */
export const controlSocket = "control";

/** How a container ended. */
export interface Outcome {
  exit: Exit;
  /** The kernel killed something in it because the memory limit was reached. */
  oomKilled: boolean;
  usage: Usage;
}

/** Told to the engine as they happen. */
export interface Listener {
  /** Somebody who had this container was killed, and left something behind. */
  cleanUpDead: CleanUpDead;
  /** Hears of volumes that were not there before. */
  madeVolume(name: string): void;
  /** Init has its plan and is at work: time to write things down. `pid` is its number on the host. */
  starting(pid: number): void;
  /** Its network namespace is there, to be connected. @returns what is to go on beside it. */
  connect?(network: number, undo: UndoList): EventSource[];
  /** The networks that it is in have changed. */
  change?(control: NetworkChange, fds: Fd[]): void;
  /** What did not go well, and changes nothing. */
  warn(texts: string[]): void;
  /** Another process runs in it, whose end is to be told. @returns what looks after it, and closes the descriptor. */
  exec(execId: string, process: Fd): EventSource;
  /** The program runs. @returns what is to go on beside it. */
  started(): EventSource[];
  ended(outcome: Outcome): void;
  /** Everything is taken back but the lock file: what is not done now, nobody will do. @param failure why it did not start. */
  takenBack(failure: unknown): void;
}

/** Makes the first process, which does not run the program before it is told; another than ours: runtime/external. */
export type Spawn = (
  plan: Plan,
  prepared: Prepared,
  connected: ConnectedStdio,
  undo: UndoList,
) => { child: Supervision["child"]; start(on: Progress): void };

const spawnOwn: Spawn = (plan, prepared, connected) => {
  const init = spawnInit(plan, prepared, connected);
  return { child: init.child, start: (on) => awaitStart(init, on) };
};

/** Where the container's stdin, stdout and stderr go. */
export type Io =
  | { to: "caller"; stdio: Stdio; callerIsTerminal: boolean }
  /** `launcher` is the socket to the one who started it, and what it wants to see. */
  | {
      to: "monitor";
      connect(owner: Owner, onOutput: OnOutput, held: () => boolean): ConnectedStdio;
      launcher?: { socket: Fd; attached: boolean; stdin: boolean };
    };

/** What a container keeps in its directory while it runs, and what is to be known of it. */
export interface Place {
  directory: string;
  log: LogOptions;
  /** Whether anybody will see what it took; and wants to see it so much that we look where the kernel does not count. */
  usage: { wanted: boolean; look: boolean };
}

/** Runs a container to its end. Whatever happens, nothing of it is left on the host but a kept directory. */
export function runContainer(plan: Plan, io: Io, place: Place, listener: Listener, spawn = spawnOwn): Outcome {
  // From here on a signal waits until there is a container to pass it on to.
  blockSignals(forwarded);
  // What we create has exactly the mode that we say.
  umask(0);
  const undo = undoList();
  let connected: ConnectedStdio | undefined;
  let ended = false;
  let failure: unknown;
  let outcome: Outcome;
  try {
    const prepared: Preparing = { binds: [] };
    const { cleanUpDead, madeVolume } = listener;
    const performing = { ended: () => ended, prepared, cleanUpDead, madeVolume };
    const perform = (steps: HostStep[]) => performHost(steps, undo, performing);
    // The lock file is the first step, so its undo is the last.
    const [lockFile, ...prepare] = plan.prepare;
    perform([lockFile!]);
    undo.add(() => listener.takenBack(failure));
    perform(prepare);
    const hooks = plan.hooks && loadHooks().containerHooks(plan.id, plan.hooks);
    let hooked = false;
    undo.add(() => {
      if (hooked) listener.warn(hooks!.ended());
    });
    perform(plan.build);
    if (prepared.warnings) plan.warnings.push(...prepared.warnings);
    const log = openLog(`${place.directory}/log`, place.log);
    undo.add(log.close);
    const onOutput: OnOutput = (stream, bytes) => {
      log.write(stream, bytes);
      clients?.show(stream, bytes);
    };
    let clients: Clients | undefined;
    const owner = prepared.owner!;
    const held = () => clients?.held() ?? false;
    connected =
      io.to === "caller"
        ? connectToCaller(io.stdio, io.callerIsTerminal, owner, onOutput, held)
        : io.connect(owner, onOutput, held);
    const init = spawn(plan, prepared as Prepared, connected, undo);
    undo.add(() => killInit(init));
    closeAll(connected.inside.filter((fd) => fd !== undefined));
    perform(plan.record);
    const supervision: Supervision = { child: init.child, connected, eventSources: [] };
    const controls = controlsOf(supervision, listener.change, (execId, process) => {
      supervision.eventSources.push(...guarded([listener.exec(execId, process)]));
    });
    const socket = listenForClients(place.directory, undo);
    clients =
      io.to === "monitor" ? loadClients().clientsOf(socket, io.launcher, controls) : clientsLater(socket, controls);
    listener.starting(init.child.pid);
    const { pid, pidfd } = init.child;
    // However far it comes.
    hooked = hooks !== undefined;
    const joined = { pid, pidfd, cgroup: plan.clone.cgroup };
    const meter = meterOf(init.child.pid, plan.clone.cgroup, place.usage);
    let network: EventSource[] = [];
    init.start({
      network: (namespace) => {
        network = listener.connect?.(namespace, undo) ?? [];
      },
      terminal: connected.connect,
      hooks: () => hooks?.creating(joined),
      release: () => {
        perform(plan.release);
        hooks?.starting(joined);
      },
      going: meter.begin,
    });
    meter.started();
    if (hooks) listener.warn(hooks.started(pid));
    supervision.eventSources = guarded([meter, ...network, ...listener.started()]);
    clients.sendToLauncher({ type: "started" });
    clients.release();
    const exit = superviseChild(supervision, clients)!;
    // What it has started ends with it, also where the kernel does not see to it.
    if (plan.clone.flags.length === 0) killCgroup(plan.clone.cgroup!);
    // Whole before anybody hears of the end.
    log.close();
    outcome = { exit, oomKilled: wasOomKilled(plan), usage: meter.usage() };
    ended = true;
    listener.ended(outcome);
    const { oomKilled, usage } = outcome;
    clients.end({ type: "exit", code: exit.code ?? 128 + exit.signal!, oomKilled, usage });
  } catch (error) {
    failure = error;
    throw error;
  } finally {
    undo.add(() => connected?.restore());
    undo.run(failure);
  }
  // Now that it is gone, nobody waits but us for a reader who does not read.
  deliverRest(connected);
  checkDelivered(connected);
  return outcome;
}

/** Loaded for those that have some. */
const loadHooks = () => require("./container-hooks.ts") as typeof import("./container-hooks.ts");

/** The socket at which others attach; it goes with the container. */
function listenForClients(path: string, undo: UndoList): Fd {
  using directory = owned(open(path, O_PATH | O_DIRECTORY));
  const listener = listenAt(directory.fd, controlSocket);
  undo.add(() => {
    close(listener);
    unlink(`${path}/${controlSocket}`);
  });
  return listener;
}

function wasOomKilled({ clone }: Plan): boolean {
  const events = clone.cgroup && readFileIfAny(`${clone.cgroup}/memory.events`);
  return events ? /^oom_kill [1-9]/m.test(events) : false;
}
