/** One container from its plan to its end: host's side, init, relay, exit, undo. */

import { Failure, StartError } from "../errors.ts";
import { type Child, type Exit, pidfdSendSignal, wait } from "../linux/clone.ts";
import { close, readdir, readFileIfAny } from "../linux/file.ts";
import { closeAll } from "../linux/poll.ts";
import { memfd, umask } from "../linux/process.ts";
import { readSignal, signalfd, signals } from "../linux/signal.ts";
import type { Plan } from "../plan/step.ts";
import { abandon, type Birth, forwarded } from "./birth.ts";
import { performHost } from "./host.ts";
import { drain, relay } from "./relay.ts";
import { type Stdio, type Wiring, wire } from "./stdio.ts";
import { receive, type Sync, send } from "./sync.ts";
import { undoList } from "./undo.ts";

/** How a container ended. */
export interface Outcome {
  exit: Exit;
  /** The kernel killed something in it because the memory limit was reached. */
  oomKilled: boolean;
}

/** Told to the engine as they happen. */
export interface Listener {
  /** Init has its plan and is at work: time to write things down. `pid` is its number on the host. */
  starting(pid: number): void;
  ended(outcome: Outcome): void;
}

/** Runs a container in the foreground. Whatever happens, nothing of it is left on the host but a kept directory. */
export function runContainer(
  plan: Plan,
  birth: Birth,
  stdio: Stdio,
  callerIsTerminal: boolean,
  listener: Listener,
): Outcome {
  // What we create has exactly the mode that we say.
  umask(0);
  const undo = undoList();
  let wiring: Wiring | undefined;
  let ended = false;
  try {
    // The claim is the first step, so its undo, which must be the last, comes before that of the birth.
    performHost(plan.prepare, undo, () => ended);
    undo.add(() => abandon(birth));
    wiring = wire(stdio, callerIsTerminal);
    handOver(plan, wiring, birth.socket);
    performHost(plan.record, undo, () => ended);
    listener.starting(birth.child.pid);
    awaitStart(wiring, birth.socket, () => performHost(plan.release, undo, () => ended));
    const outcome = supervise(plan, wiring, birth.child);
    ended = true;
    listener.ended(outcome);
    return outcome;
  } finally {
    wiring?.restore();
    undo.run();
  }
}

/** Gives init all that it needs: its steps and its stdio. */
function handOver(plan: Plan, wiring: Wiring, socket: number): void {
  const steps = memfd("plan", JSON.stringify([...plan.setup, ...plan.start]));
  const stdio = [0, 1, 2].map((index) => wiring.inside[index] !== undefined);
  const fds = [steps, ...wiring.inside.filter((fd) => fd !== undefined)];
  send(socket, { type: "plan", stdio }, fds);
  closeAll(fds);
}

/** Follows init through its steps until it has become the program. @param release called when only the limits are missing. */
function awaitStart(wiring: Wiring, socket: number, release: () => void): void {
  let released = false;
  for (let received = receive(socket); received; received = receive(socket)) {
    const { message, fds } = received;
    if (message.type === "failed") throw startError(message);
    if (message.type === "console") wiring.connect(fds[0]!);
    if (message.type !== "ready") continue;
    release();
    released = true;
    send(socket, { type: "go" });
  }
  close(socket);
  if (!released) throw new Failure("the container's init was killed before the program ran");
}

function startError({ step, text, hint, code }: Extract<Sync, { type: "failed" }>): StartError {
  if (step !== "execute" && step !== "reap") return new StartError(`${step}: ${text}`, hint, 125);
  return new StartError(text, hint, code === "ENOENT" || code === "ENOTDIR" ? 127 : 126);
}

function supervise(plan: Plan, wiring: Wiring, child: Child): Outcome {
  let over = false;
  let killedBy: number | undefined;
  const incoming = signalfd(forwarded);
  // The terminal's keys signal its foreground process group, and process 1 of it may have no handler.
  wiring.onInterrupt = (group) => {
    if (group === child.pid && !forward(child, signals.SIGINT)) killedBy = signals.SIGINT;
  };
  relay(
    wiring.pumps,
    [
      { fd: child.pidfd, onReady: () => (over = true) },
      {
        fd: incoming,
        onReady: () => {
          const signal = readSignal(incoming);
          if (signal === signals.SIGWINCH && wiring.resize()) return;
          if (!forward(child, signal)) killedBy = signal;
        },
      },
    ],
    () => over,
    () => wiring.idle,
  );
  const exit = wait(child)!.exit;
  drain(wiring.pumps);
  const events = plan.clone.cgroup && readFileIfAny(`${plan.clone.cgroup}/memory.events`);
  const oomKilled = events ? /^oom_kill [1-9]/m.test(events) : false;
  return { exit: killedBy === undefined ? exit : { signal: killedBy }, oomKilled };
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
  const status = readFileIfAny(`/proc/${pid}/status`) ?? "";
  return [...status.matchAll(/^Sig(?:Blk|Ign|Cgt):\s*([0-9a-f]+)$/gm)].some(
    ([, mask]) => (BigInt(`0x${mask}`) >> BigInt(signal - 1)) & 1n,
  );
}
