/** One container from its plan to its end: host's side, init, relay, exit, undo. */

import { Failure, StartError } from "../errors.ts";
import { type Child, type Exit, pidfdSendSignal, wait } from "../linux/clone.ts";
import { close, O_DIRECTORY, O_PATH, open, readdir, readFileIfAny, unlink } from "../linux/file.ts";
import { type Companion, closeAll, type Message, POLLIN, poll, receiveMessage, sendMessage } from "../linux/poll.ts";
import { memfd, umask } from "../linux/process.ts";
import { hasSignal } from "../linux/procfs.ts";
import { readSignal, signalfd, signals } from "../linux/signal.ts";
import { isatty, setSize } from "../linux/tty.ts";
import { listenAt } from "../linux/unix.ts";
import type { InitStep, Plan } from "../plan/step.ts";
import { abandon, type Birth } from "./birth.ts";
import type { NetworkChange } from "./channel.ts";
import { type Clients, type Controls, clientsOf } from "./clients.ts";
import { guarded } from "./companions.ts";
import type { Entry } from "./entry.ts";
import { forwarded } from "./forwarded.ts";
import { performHost } from "./host.ts";
import { type LogOptions, openLog } from "./log.ts";
import { deliver, drain, relay } from "./relay.ts";
import { type Stdio, type Tap, type Wiring, wireToCaller, wireToMonitor } from "./stdio.ts";
import { receive, type Sync, send } from "./sync.ts";
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
  /** Init has its plan and is at work: time to write things down. `pid` is its number on the host. */
  starting(pid: number): void;
  /** Its network namespace is there, to be connected. @returns what is to go on beside it. */
  connect?(network: number, undo: UndoList): Companion[];
  /** The networks that it is in have changed. */
  change?(said: NetworkChange, fds: number[]): void;
  /** The program runs. @returns what is to go on beside it. */
  started(): Companion[];
  ended(outcome: Outcome): void;
  /** Everything is taken back but the claim: what is not done now, nobody will do. @param failure why it did not start. */
  takenBack(failure: unknown): void;
}

/** Where the container's stdin, stdout and stderr go. */
export type Io =
  | { to: "caller"; stdio: Stdio; callerIsTerminal: boolean }
  /** `launcher` is the socket to the one who started it, and what it wants to see. */
  | {
      to: "monitor";
      terminal: boolean;
      interactive: boolean;
      /** With a terminal: stderr is a pipe all the same. */
      stderrApart: boolean;
      launcher?: { socket: number; attached: boolean; stdin: boolean };
    };

/** What a container keeps in its directory while it runs, and what is to be known of it. */
export interface Place {
  directory: string;
  log: LogOptions;
  /** Whether anybody will see what it took; and wants to see it so much that we look where the kernel does not count. */
  usage: { wanted: boolean; look: boolean };
}

/** Runs a container to its end. Whatever happens, nothing of it is left on the host but a kept directory. */
export function runContainer(plan: Plan, birth: Birth, io: Io, place: Place, listener: Listener): Outcome {
  // What we create has exactly the mode that we say.
  umask(0);
  const undo = undoList();
  let wiring: Wiring | undefined;
  let ended = false;
  let failure: unknown;
  let outcome: Outcome;
  try {
    // The claim is the first step, so its undo, which must be the last, comes before that of the birth.
    const [claim, ...prepare] = plan.prepare;
    performHost([claim!], undo, () => ended);
    undo.add(() => listener.takenBack(failure));
    performHost(prepare, undo, () => ended);
    undo.add(() => abandon(birth));
    const log = openLog(`${place.directory}/log`, place.log);
    undo.add(log.close);
    const tap: Tap = (stream, bytes) => {
      log.write(stream, bytes);
      clients?.show(stream, bytes);
    };
    let clients: Clients | undefined;
    const held = () => clients?.held() ?? false;
    wiring = io.to === "caller" ? wireToCaller(io.stdio, io.callerIsTerminal, tap, held) : wireToMonitor(io, tap, held);
    handOver(plan, wiring, birth.socket);
    performHost(plan.record, undo, () => ended);
    const supervision: Supervision = { child: birth.child, wiring, companions: [] };
    clients = clientsOf(
      listenForClients(place.directory, undo),
      io.to === "monitor" ? io.launcher : undefined,
      controlsOf(supervision, listener),
    );
    listener.starting(birth.child.pid);
    const meter = meterOf(birth.child.pid, plan.clone.cgroup, place.usage);
    let network: Companion[] = [];
    awaitStart(wiring, birth.socket, {
      network: (namespace) => {
        network = listener.connect?.(namespace, undo) ?? [];
      },
      release: () => performHost(plan.release, undo, () => ended),
      going: meter.begin,
    });
    meter.started();
    supervision.companions = guarded([meter, ...network, ...listener.started()]);
    clients.tell({ type: "started" });
    clients.release();
    const exit = superviseChild(supervision, clients);
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
    undo.add(() => wiring?.restore());
    undo.run(failure);
  }
  // Now that it is gone, nobody waits but us for a reader who does not read.
  deliverRest(wiring);
  // What it wrote and nobody got must not look like a success.
  const lost = wiring.pumps.find(({ failure }) => failure !== undefined);
  if (lost) throw lost.failure;
  return outcome;
}

/** What another process in a container needs: its steps and the caller's stdio. */
export interface Entering {
  setup: InitStep[];
  start: InitStep[];
  /** The container's first process, and its cgroup if it has one. */
  pidfd: number;
  cgroup: number | undefined;
  stdio: Stdio;
  callerIsTerminal: boolean;
  /** Do not wait for its end. */
  detach: boolean;
}

/** Runs another process in a container. @returns how it ended; undefined if it was not waited for. */
export function runEntering(entry: Entry, entering: Entering): Exit | undefined {
  const { pidfd, cgroup, stdio, callerIsTerminal } = entering;
  const fds = cgroup === undefined ? [pidfd] : [pidfd, cgroup];
  sendMessage(entry.socket, { data: Uint8Array.of(1), fds });
  const answer = answerOf(entry);
  wait(entry.guide);
  const [childFd] = answer?.fds ?? [];
  if (childFd === undefined) throw enterError(answer);
  const child: Child = { pid: Number(new TextDecoder().decode(answer!.data)), pidfd: childFd };
  const wiring = wireToCaller(stdio, callerIsTerminal, () => {});
  try {
    handOver(entering, wiring, entry.socket);
    awaitStart(wiring, entry.socket, {});
    if (entering.detach) return undefined;
    const supervision: Supervision = { child, wiring, companions: [] };
    const exit = superviseChild(supervision, clientsOf(undefined, undefined, controlsOf(supervision)));
    deliverRest(wiring);
    return exit;
  } catch (error) {
    pidfdSendSignal(child.pidfd, signals.SIGKILL);
    throw error;
  } finally {
    wiring.restore();
  }
}

/** What the guide says. If it was killed, its socket may be open still: in the child that it had just made. */
function answerOf({ socket, guide }: Entry): Message | undefined {
  const answer = { fd: socket, events: POLLIN, happened: 0 };
  poll([answer, { fd: guide.pidfd, events: POLLIN }]);
  if (!answer.happened) poll([answer], 0);
  return answer.happened ? receiveMessage(socket) : undefined;
}

function enterError(answer: Message | undefined): Error {
  if (!answer) return new Failure("the way into the container was closed");
  const message = JSON.parse(new TextDecoder().decode(answer.data)) as Extract<Sync, { type: "failed" }>;
  return startError(message);
}

/** The socket at which others attach; it goes with the container. */
function listenForClients(path: string, undo: UndoList): number {
  const directory = open(path, O_PATH | O_DIRECTORY);
  const listener = listenAt(directory, controlSocket);
  close(directory);
  undo.add(() => {
    close(listener);
    unlink(`${path}/${controlSocket}`);
  });
  return listener;
}

/** Gives init all that it needs: its steps and its stdio. */
function handOver(plan: Pick<Plan, "setup" | "start">, wiring: Wiring, socket: number): void {
  const steps = memfd("plan", JSON.stringify([...plan.setup, ...plan.start]));
  const stdio = [0, 1, 2].map((index) => wiring.inside[index] !== undefined);
  const fds = [steps, ...wiring.inside.filter((fd) => fd !== undefined), ...mountsFor(plan)];
  send(socket, { type: "plan", stdio }, fds);
  closeAll(fds);
}

/** What is mounted by us since init has left our mount namespace. */
function mountsFor({ setup }: Pick<Plan, "setup">): number[] {
  if (!setup.some((step) => step.do === "bind" && step.handedOver)) return [];
  const { mountsToHandOver } = require("./init.ts") as typeof import("./init.ts");
  return mountsToHandOver(setup);
}

/** Called on init's way to the program. */
interface Progress {
  /** It has a network namespace of its own. */
  network?(namespace: number): void;
  /** Only the limits are missing. */
  release?(): void;
  /** It does its last steps. */
  going?(): void;
}

/** Follows init through its steps until it has become the program. */
function awaitStart(wiring: Wiring, socket: number, on: Progress): void {
  let released = false;
  for (let received = receive(socket); received; received = receive(socket)) {
    const { message, fds } = received;
    if (message.type === "failed") throw startError(message);
    if (message.type === "console") wiring.connect(fds[0]!);
    if (message.type === "network") {
      on.network?.(fds[0]!);
      close(fds[0]!);
    }
    if (message.type !== "ready") continue;
    on.release?.();
    released = true;
    send(socket, { type: "go" });
    on.going?.();
  }
  close(socket);
  if (!released) throw new StartError("the container's init was killed before the program ran", undefined, 137);
}

function startError({ step, text, hint, code }: Extract<Sync, { type: "failed" }>): StartError {
  if (step !== "execute" && step !== "reap") return new StartError(`${step}: ${text}`, hint, 125);
  return new StartError(text, hint, code === "ENOENT" || code === "ENOTDIR" ? 127 : 126);
}

/** What is known while the container runs. */
interface Supervision {
  child: Child;
  wiring: Wiring;
  companions: Companion[];
  /** The signal that ended it because process 1 would have ignored it. */
  killedBy?: number;
}

/** What attached clients, and signals to us, do to the container. */
function controlsOf(supervision: Supervision, listener?: Listener): Controls {
  const { child, wiring } = supervision;
  return {
    resize: (size) => {
      if (wiring.input !== undefined && isatty(wiring.input)) setSize(wiring.input, size);
    },
    signal: (number) => {
      if (!forward(child, number)) supervision.killedBy = number;
    },
    change: (said, fds) => listener?.change?.(said, fds),
    input: () => wiring.input,
    typed: (keys) => wiring.typed(keys),
    endInput: () => wiring.endInput(),
    left: () => {
      if (wiring.input !== undefined && !isatty(wiring.input)) wiring.endInput();
    },
  };
}

function wasOomKilled({ clone }: Plan): boolean {
  const events = clone.cgroup && readFileIfAny(`${clone.cgroup}/memory.events`);
  return events ? /^oom_kill [1-9]/m.test(events) : false;
}

/** Passes bytes and signals on until the child has ended. */
function superviseChild(supervision: Supervision, clients: Clients): Exit {
  const { child, wiring, companions } = supervision;
  const { signal } = controlsOf(supervision);
  let over = false;
  const incoming = signalfd(forwarded);
  // The terminal's keys signal its foreground process group, and process 1 of it may have no handler.
  wiring.onInterrupt = (group) => {
    if (group === child.pid) signal(signals.SIGINT);
  };
  const watches = [
    { fd: child.pidfd, onReady: () => (over = true) },
    {
      fd: incoming,
      onReady: () => {
        const number = readSignal(incoming);
        if (number !== signals.SIGWINCH || !wiring.resize()) signal(number);
      },
    },
  ];
  relay(
    wiring.pumps,
    () => [...watches, ...clients.watches(), ...companions.flatMap((companion) => companion.watches())],
    () => [...clients.timers(), ...companions.flatMap((companion) => companion.timers())],
    () => over,
    () => wiring.idle,
  );
  for (const companion of companions) companion.end();
  const exit = wait(child)!.exit;
  drain(wiring.pumps);
  const { killedBy } = supervision;
  return killedBy === undefined ? exit : { signal: killedBy };
}

/** Whoever waits for a reader who does not read can still be ended. */
function deliverRest({ pumps }: Wiring): void {
  const incoming = signalfd(forwarded);
  deliver(pumps, { fd: incoming, onReady: () => ending.has(readSignal(incoming)) });
  close(incoming);
}

/** What ends a program that does not handle it. */
const ending = new Set<number>([signals.SIGHUP, signals.SIGINT, signals.SIGQUIT, signals.SIGTERM]);

/**
 * Passes a signal to the container's process 1. The kernel drops one that process 1 has no handler for, so that Ctrl-C
 * could not end `run IMAGE sleep 100`: then the container is killed, as the signal would have done to the program outside.
 * @returns false if it was killed for that reason.
 */
function forward(child: Child, signal: number): boolean {
  if (!ending.has(signal) || handles(child.pid, signal)) {
    pidfdSendSignal(child.pidfd, signal);
    return true;
  }
  pidfdSendSignal(child.pidfd, signals.SIGKILL);
  return false;
}

/** True if a process catches, ignores, blocks or waits for the signal. @see proc_pid_status(5) */
function handles(pid: number, signal: number): boolean {
  // While a thread sits in sigwait(3), the kernel shows neither a handler nor a block.
  const threads = readdir(`/proc/${pid}/task`) ?? [];
  if (threads.some((thread) => readFileIfAny(`/proc/${pid}/task/${thread}/wchan`)?.includes("sigtimedwait")))
    return true;
  return hasSignal(pid, signal, ["Blk", "Ign", "Cgt"]) ?? false;
}
