/** One container from its plan to its end: host's side, init, relay, exit, undo. */

import { Failure, hasCode, StartError } from "../errors.ts";
import { close, O_DIRECTORY, O_PATH, open, readFileIfAny } from "../linux/file.ts";
import { socketpair } from "../linux/poll.ts";
import { type Child, clone3, type Exit, pidfdSendSignal, wait } from "../linux/process.ts";
import { blockSignals, readSignal, signalfd, signals } from "../linux/signal.ts";
import type { InitStep, Plan } from "../plan/step.ts";
import { performHost } from "./host.ts";
import { runInit } from "./init.ts";
import { drain, relay } from "./relay.ts";
import { closeInside, type Stdio, type Wiring, wire } from "./stdio.ts";
import { receive, send } from "./sync.ts";
import { undoList } from "./undo.ts";

/** How a container ended. */
export interface Outcome {
  exit: Exit;
  /** The kernel killed something in it because the memory limit was reached. */
  oomKilled: boolean;
}

/** Told to the engine as they happen. */
export interface Listener {
  /** The program is about to run; `pid` is its number on the host. */
  started(pid: number): void;
  ended(outcome: Outcome): void;
}

/** Signals that are not passed on: those nobody can catch, those about us, and those that stop us as a job of a shell. */
const ownSignals = new Set<number>([
  signals.SIGKILL,
  signals.SIGSTOP,
  signals.SIGTSTP,
  signals.SIGTTIN,
  signals.SIGTTOU,
  signals.SIGCHLD,
  signals.SIGPIPE,
  signals.SIGURG,
  signals.SIGILL,
  signals.SIGTRAP,
  signals.SIGABRT,
  signals.SIGBUS,
  signals.SIGFPE,
  signals.SIGSEGV,
  signals.SIGSYS,
  signals.SIGXFSZ,
  // Belong to libc.
  32,
  33,
]);
const forwarded = Array.from({ length: 64 }, (_, index) => index + 1).filter((number) => !ownSignals.has(number));

/** Runs a container in the foreground. Whatever happens, nothing of it is left on the host but a kept directory. */
export function runContainer(plan: Plan, stdio: Stdio, callerIsTerminal: boolean, listener: Listener): Outcome {
  // From here on a signal waits until somebody can pass it on.
  blockSignals(forwarded);
  const undo = undoList();
  let wiring: Wiring | undefined;
  let ended = false;
  try {
    performHost(plan.prepare, undo, () => ended);
    wiring = wire(stdio, callerIsTerminal);
    const { child, sync } = startInit(plan, wiring);
    undo.add(() => end(child));
    awaitStart(plan, wiring, sync, () => {
      performHost(plan.release, undo, () => ended);
      listener.started(child.pid);
    });
    const outcome = supervise(plan, wiring, child);
    ended = true;
    listener.ended(outcome);
    return outcome;
  } finally {
    wiring?.restore();
    undo.run();
  }
}

function startInit(plan: Plan, wiring: Wiring): { child: Child; sync: number } {
  const [sync, initSync] = socketpair();
  const cgroup = plan.clone.cgroup === undefined ? undefined : open(plan.clone.cgroup, O_PATH | O_DIRECTORY);
  const steps: InitStep[] = [...plan.setup, ...plan.start];
  const child = clone3({ flags: plan.clone.flags, ...(cgroup !== undefined && { cgroup }) });
  if (!child) {
    close(sync);
    runInit(steps, initSync, wiring.inside);
  }
  close(initSync);
  closeInside(wiring);
  if (cgroup !== undefined) close(cgroup);
  return { child, sync };
}

/** Follows init through its steps until it has become the program. @param release called when only the limits are missing. */
function awaitStart(plan: Plan, wiring: Wiring, sync: number, release: () => void): void {
  let ready = false;
  for (let received = receive(sync); received; received = receive(sync)) {
    const { message, fd } = received;
    if (message.type === "console") wiring.connect(fd!);
    if (message.type === "failed") {
      const program = message.step === "execute" || message.step === "reap";
      const code = !program ? 125 : message.code === "ENOENT" || message.code === "ENOTDIR" ? 127 : 126;
      const text = program ? message.text : `${message.step}: ${message.text}`;
      throw new StartError(text, message.hint, code);
    }
    if (message.type !== "ready") continue;
    ready = true;
    release();
    send(sync, { type: "go" });
  }
  close(sync);
  if (!ready) throw new Failure(`container ${plan.id.slice(0, 12)}: init was killed before the program ran`);
}

function supervise(plan: Plan, wiring: Wiring, child: Child): Outcome {
  let over = false;
  let killedBy: number | undefined;
  const incoming = signalfd(forwarded);
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

/** True if a process catches, ignores or blocks the signal. @see proc_pid_status(5) */
function handles(pid: number, signal: number): boolean {
  const status = readFileIfAny(`/proc/${pid}/status`) ?? "";
  return [...status.matchAll(/^Sig(?:Blk|Ign|Cgt):\s*([0-9a-f]+)$/gm)].some(
    ([, mask]) => (BigInt(`0x${mask}`) >> BigInt(signal - 1)) & 1n,
  );
}

/** Kills and reaps a first process that did not come to its end; one that has been reaped already is fine. */
function end(child: Child): void {
  pidfdSendSignal(child.pidfd, signals.SIGKILL);
  try {
    wait(child);
  } catch (error) {
    if (!hasCode(error, "ECHILD")) throw error;
  }
  close(child.pidfd);
}
