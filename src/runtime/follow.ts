/**
 * Follows a process of a container on its way from its clone to its execve.
 *
 * It and the host's side talk over one socket pair, that init's execve closes:
 *
 *     init -> host    "n" + descriptor   its network namespace, as soon as it has one of its own
 *     init -> host    "c" + descriptor   the master of the container's terminal
 *     init -> host    "h"                all is mounted: hooks run, if there are some
 *     host -> init    "g"                they have run
 *     init -> host    "r"                all is built
 *     host -> init    "g"                limits are set: execute
 *     init -> host    "s" + number       its filter reports calls: the descriptor that does, by its number in init
 *     host -> init    "g"                the agent has it
 *     init -> host    "w"                of an OCI runtime's `create`: nothing is missing but `start`
 *     host -> init    "g"                it is written down: you are on your own
 *     (end of file)                      it is executed, or has failed: then its frame says where (failure.ts)
 */

import { hasCode, StartError } from "../errors.ts";
import { type Child, pidfdSendSignal, wait } from "../linux/clone.ts";
import { close, type Fd, owned } from "../linux/file.ts";
import { closeAll, receiveMessage, sendMessage } from "../linux/poll.ts";
import type { launch } from "../linux/program/launch.ts";
import type { Frame } from "../linux/program/record.ts";
import { signals } from "../linux/signal.ts";
import type { InitStep } from "../plan/init-step.ts";
import type { Listener } from "../plan/rare/listener.ts";
import type { Failed } from "./failure.ts";

/** A process on its way to its program. */
export interface Starting {
  child: Child;
  /** To it. */
  socket: Fd;
  /** What it has still to say, each once: a stranger who may trace it inside could say more in its name. */
  expected: Set<number>;
  /** Who is to hear of its calls. */
  listener?: Listener | undefined;
  /** The number of the container's first process, where this is another. */
  first?: number;
  /** How it failed, if it did. Asked when the socket has ended. */
  failure(): Failed | undefined;
  /** True if it is at its last step, and nothing has failed: what ended the socket then was execve. */
  executed(): boolean;
  /** Its memory is not looked at any more. */
  unmap(): void;
}

const words = ["n", "c", "h", "r", "s", "w"].map((letter) => letter.charCodeAt(0));
const [n, c, h, r, s, w] = words as [number, number, number, number, number, number];

/** The steps that say something, and what. */
const sayings: Partial<Record<InitStep["do"], number>> = {
  "send-network": n,
  console: c,
  "await-hooks": h,
  ready: r,
  "await-start": w,
};

/** What a process says on its way through these steps, and who is to hear of its calls. */
export function talkOf(steps: readonly InitStep[]): Pick<Starting, "expected" | "listener"> {
  const expected = new Set(steps.map((step) => sayings[step.do]).filter((saying) => saying !== undefined));
  const listener = steps.find((step) => step.do === "seccomp")?.listener;
  if (listener) expected.add(s);
  return { expected, listener };
}

/** Steps at whose end there is a program. */
const lastSteps = ["execute", "reap", "self-test"];

/** @param frames of the processes that may have failed, the one that is to execute the program first. */
export function hasExecuted({ arena, steps }: ReturnType<typeof launch>["assembled"], frames: Frame[]): boolean {
  const word = ({ at }: Frame, index: number) => arena.i32[(at >> 2) + index];
  const step = steps[word(frames[0]!, 1) ?? -1];
  return step !== undefined && lastSteps.includes(step) && frames.every((frame) => word(frame, 2) === 0);
}

/** Loaded for those that fail. */
export const failures = () => require("./failure.ts") as typeof import("./failure.ts");

/** Loaded for those of whose calls somebody hears. */
const agents = () => require("./security/agent.ts") as typeof import("./security/agent.ts");

/** Ends what is left of a process that was to become a container's. */
export function killInit({ child }: Pick<Starting, "child">): void {
  if (pidfdSendSignal(child.pidfd, signals.SIGKILL)) wait(child);
}

/** Called on init's way to the program. */
export interface Progress {
  /** It has a network namespace of its own. */
  network?(namespace: Fd): void;
  /** Its terminal is there. */
  terminal(master: Fd): void;
  /** All is mounted, and it waits in front of its root. */
  hooks?(): void;
  /** Only the limits are missing. */
  release?(): void;
  /** It does its last steps. */
  going?(): void;
  /** It waits for `start`. */
  created?(): void;
}

const go = Uint8Array.of("g".charCodeAt(0));

/** Follows a process through its steps until it has become the program. @throws StartError if it has not. */
export function awaitStart(starting: Starting, on: Progress): void {
  try {
    while (!follow(starting, on));
  } finally {
    leave(starting);
  }
}

/** Takes the next word of a process on its way, and waits for it. @returns true when it is there. @throws StartError if it has failed. */
export function follow(starting: Starting, on: Progress): boolean {
  const { socket } = starting;
  const message = receiveFrom(socket);
  if (!message) {
    if (starting.executed()) return true;
    const failed = starting.failure();
    throw failed?.errno ? failures().startError(failed) : killed(failed);
  }
  const [kind = -1] = message.data;
  const [fd, ...others] = message.fds;
  closeAll(others);
  const isExpected = starting.expected.delete(kind) && [r, h, s, w].includes(kind) === (fd === undefined);
  if (!isExpected && fd !== undefined) close(fd);
  if (!isExpected) return false;
  if (kind === c) on.terminal(fd!);
  if (kind === n) {
    using namespace = owned(fd!);
    on.network?.(namespace.fd);
  }
  if (kind === h) on.hooks?.();
  if (kind === r) on.release?.();
  if (kind === s) agents().tellAgent(starting.listener!, starting, message.data);
  if (kind === w) on.created?.();
  if (fd === undefined && sendGo(socket) && kind === r) on.going?.();
  return false;
}

/** Tells it to go. @returns false if it has ended meanwhile, which the next message tells. */
function sendGo(socket: Fd): boolean {
  try {
    sendMessage(socket, { data: go, fds: [] });
    return true;
  } catch (error) {
    if (hasCode(error, "EPIPE")) return false;
    throw error;
  }
}

/** A word of it is one byte; a stranger's may be longer, and is as good as any other that is not expected. */
const wordBytes = 64;

/** Its next message; undefined also if it has ended without reading all of ours, which the kernel tells as an error. */
function receiveFrom(socket: Fd): ReturnType<typeof receiveMessage> {
  try {
    return receiveMessage(socket, wordBytes);
  } catch (error) {
    if (hasCode(error, "ECONNRESET")) return undefined;
    throw error;
  }
}

/** What is left of the talk is given up. */
export function leave({ socket, unmap }: Starting): void {
  close(socket);
  unmap();
}

export const killed = (failed: Failed | undefined): StartError =>
  new StartError(
    `the container's init was killed before the program ran${failed ? `, at step ${failed.step}` : ""}`,
    undefined,
    137,
  );
