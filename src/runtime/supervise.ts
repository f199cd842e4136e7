/** A process from its start to its end: bytes and signals are passed on, and in the end there is an exit code. */

import { type Child, type Exit, pidfdSendSignal, wait } from "../linux/clone.ts";
import { readdir } from "../linux/directory.ts";
import { type Fd, owned, readFileIfAny } from "../linux/file.ts";
import { type EventSource, sleepMicroseconds } from "../linux/poll.ts";
import { hasSignal, isFirst, readStat } from "../linux/procfs.ts";
import { signals } from "../linux/signal.ts";
import { readSignal, signalfd } from "../linux/signalfd.ts";
import { isatty, setSize } from "../linux/tty.ts";
import type { NetworkChange } from "./channel.ts";
import type { Clients, Controls } from "./clients.ts";
import { forwarded } from "./forwarded.ts";
import { deliver, drain, relay } from "./relay.ts";
import type { ConnectedStdio } from "./stdio.ts";

/** What is known while the container runs. */
export interface Supervision {
  /** `send` signals it where that is not ours to do. */
  child: Child & { send?: (signal: number) => void };
  connected: ConnectedStdio;
  eventSources: EventSource[];
  /** The signal that ended it because process 1 would have ignored it. */
  killedBy?: number;
}

/** What attached clients, and signals to us, do to the container. */
export function controlsOf(
  supervision: Supervision,
  change: (control: NetworkChange, fds: Fd[]) => void = () => {},
  exec: Controls["exec"] = () => {},
): Controls {
  const { child, connected } = supervision;
  return {
    resize: (size) => {
      if (connected.input !== undefined && isatty(connected.input)) setSize(connected.input, size);
    },
    signal: (number) => {
      if (!forward(child, number)) supervision.killedBy = number;
    },
    change,
    exec,
    input: () => connected.input,
    typed: (keys) => connected.typed(keys),
    endInput: () => connected.endInput(),
    left: () => {
      if (connected.input !== undefined && !isatty(connected.input)) connected.endInput();
    },
  };
}

/** Stays with a process that nobody else can attach to. @returns undefined once it was left running. */
export function supervise(child: Child, connected: ConnectedStdio): Exit | undefined {
  const supervision: Supervision = { child, connected, eventSources: [] };
  const exit = superviseChild(supervision, { watches: () => [], timers: () => [] });
  if (exit) deliverRest(connected);
  return exit;
}

/** Passes bytes and signals on until the child has ended. @returns undefined if the detach keys were typed before. */
export function superviseChild(
  supervision: Supervision,
  clients: Pick<Clients, "watches" | "timers">,
): Exit | undefined {
  const { child, connected, eventSources } = supervision;
  const { signal } = controlsOf(supervision);
  let over = false;
  const incoming = signalfd(forwarded);
  // The terminal's keys signal its foreground process group, and process 1 of it may have no handler.
  connected.onInterrupt = ({ signal: name, group }) => {
    if (group === child.pid && isFirst(group)) signal(signals[name]);
  };
  const watches = [
    { fd: child.pidfd, onReady: () => (over = true) },
    {
      fd: incoming,
      onReady: () => {
        const number = readSignal(incoming);
        if (number !== signals.SIGWINCH || !connected.resize()) signal(number);
      },
    },
  ];
  relay(
    connected.copies,
    () => [...watches, ...clients.watches(), ...eventSources.flatMap((eventSource) => eventSource.watches())],
    () => [...clients.timers(), ...eventSources.flatMap((eventSource) => eventSource.timers())],
    () => over || connected.left === true,
    () => connected.idle,
  );
  for (const eventSource of eventSources) eventSource.end();
  if (!over) return undefined;
  const exit = wait(child)!.exit;
  drain(connected.copies);
  const { killedBy } = supervision;
  return killedBy === undefined ? exit : { signal: killedBy };
}

/** Whoever waits for a reader who does not read can still be ended. */
export function deliverRest({ copies }: ConnectedStdio): void {
  using incoming = owned(signalfd(forwarded));
  const { fd } = incoming;
  deliver(copies, { fd, onReady: () => ending.has(readSignal(fd)) });
}

/** What it wrote and nobody got must not look like a success. @throws what the caller's stdout or stderr answered */
export function checkDelivered({ copies }: ConnectedStdio): void {
  const lost = copies.find(({ inward, failure }) => !inward && failure !== undefined);
  if (lost) throw lost.failure;
}

/** What ends a program that does not handle it. */
const ending = new Set<number>([signals.SIGHUP, signals.SIGINT, signals.SIGQUIT, signals.SIGTERM]);

/**
 * Passes a signal to the container's process 1. The kernel drops one that process 1 has no handler for, so that Ctrl-C
 * could not end `run IMAGE sleep 100`: then the container is killed, as the signal would have done to the program outside.
 * @returns false if it was killed for that reason.
 */
function forward(child: Supervision["child"], signal: number): boolean {
  const passes = !ending.has(signal) || !isFirst(child.pid) || handles(child.pid, signal);
  const sent = passes ? signal : signals.SIGKILL;
  if (child.send) child.send(sent);
  else pidfdSendSignal(child.pidfd, sent);
  return passes;
}

const maxLooks = 20;
const pollUs = 1000;

/** True if a process catches, ignores, blocks or waits for the signal. @see proc_pid_status(5) */
function handles(pid: number, signal: number): boolean {
  // While a thread sits in sigwait(3), the kernel shows neither a handler nor a block; and between two looks it may begin to.
  const waits = () =>
    (readdir(`/proc/${pid}/task`) ?? []).some((thread) =>
      readFileIfAny(`/proc/${pid}/task/${thread}/wchan`)?.includes("sigtimedwait"),
    );
  for (let looks = 1; ; looks++) {
    if (waits() || hasSignal(pid, signal, ["Blk", "Ign", "Cgt"])) return true;
    // On its way into sigwait(3) or out of it shows neither; who runs on and on has no handler.
    if (looks === maxLooks || readStat(pid)?.state !== "R") return false;
    sleepMicroseconds(pollUs);
  }
}
