/**
 * The process that becomes the container's, from its clone to its execve. It runs a program of system calls (plan/program),
 * and nothing of ours is in it: what needs thinking the host's side has done before.
 *
 * The two talk over one socket pair, that init's execve closes:
 *
 *     init -> host    "n" + descriptor   its network namespace, as soon as it has one of its own
 *     init -> host    "c" + descriptor   the master of the container's terminal
 *     init -> host    "h"                all is mounted: hooks run, if there are some
 *     host -> init    "g"                they have run
 *     init -> host    "r"                all is built
 *     host -> init    "g"                limits are set: execute
 *     init -> host    "w"                of an OCI runtime's `create`: nothing is missing but `start`
 *     host -> init    "g"                it is written down: you are on your own
 *     (end of file)                      it is executed, or has failed: then its frame says where (failure.ts)
 */

import { Failure, hasCode, StartError } from "../errors.ts";
import { type Child, pidfdSendSignal, wait } from "../linux/clone.ts";
import { sealedExeFile } from "../linux/exe-file.ts";
import { close, type Fd, type Owned, owned, readFile } from "../linux/file.ts";
import { syscallError } from "../linux/libc.ts";
import { closeAll, receiveMessage, sendMessage, socketpair } from "../linux/poll.ts";
import { pidfdOpen } from "../linux/proc.ts";
import { readStat } from "../linux/procfs.ts";
import { type Launched, launch } from "../linux/program/launch.ts";
import type { Frame, Slot } from "../linux/program/record.ts";
import { signals } from "../linux/signal.ts";
import { ignoredSignals } from "../linux/signalfd.ts";
import { compileInit } from "../plan/program/compile.ts";
import { type CompileOptions, given } from "../plan/program/context.ts";
import type { SharedNamespaceType } from "../plan/rare/step.ts";
import type { CloneStep, InitStep } from "../plan/step.ts";
import type { Failed } from "./failure.ts";
import type { Identity } from "./mount/user.ts";
import type { ConnectedStdio } from "./stdio.ts";
import type { Ids } from "./userns/ids.ts";

/** What decides which records there are. */
export const compileOptions = (): CompileOptions => ({
  ignoredSignals: ignoredSignals(),
  lastCapability: Number(readFile("/proc/sys/kernel/cap_last_cap")),
});

/** What the host's side has made before the clone. */
export interface Prepared {
  /** The root, a detached mount. */
  root: Fd;
  /** Detached mounts by their numbers. */
  binds: Fd[];
  identity: Identity;
  /** Namespaces to be joined. */
  joined?: Partial<Record<SharedNamespaceType, Fd>>;
  /** Its user namespace. */
  ids?: Ids;
  /** What masks are made of, a detached mount; where init may not make it. */
  masks?: Fd;
  /** An open cgroup v2 directory. */
  cgroup?: Fd;
  /** Variables for the program that no plan has: `NAME=value`, after all others. */
  variables?: string[];
  /** What it waits at for `start`. */
  fifo?: Fd;
  /** Descriptors of the caller's that it keeps at their numbers. */
  preserved?: Fd[];
}

/** A process on its way to its program. */
export interface Starting {
  child: Child;
  /** To it. */
  socket: Fd;
  /** What it has still to say, each once: a stranger who may trace it inside could say more in its name. */
  expected: Set<number>;
  /** How it failed, if it did. Asked when the socket has ended. */
  failure(): Failed | undefined;
  /** True if it is at its last step, and nothing has failed: what ended the socket then was execve. */
  executed(): boolean;
  /** Its memory is not looked at any more. */
  unmap(): void;
}

/** Clones a container's first process, which sets to work at once. */
export function spawnInit(
  { clone, setup, start: last }: { clone: CloneStep; setup: InitStep[]; start: InitStep[] },
  prepared: Prepared,
  connected: ConnectedStdio,
): Starting {
  const { variables } = prepared;
  const steps = [...setup, ...(variables ? last.map((step) => withVariables(step, variables)) : last)];
  const program = compileInit(steps, compileOptions(), clone);
  const [ours, other] = socketpair();
  using socket = owned(ours);
  using theirs = owned(other);
  using exe = owned(sealedExeFile());
  const { root, binds, identity, cgroup, ids, masks, fifo, preserved = [] } = prepared;
  const { pid: pidNamespace, ...others } = prepared.joined ?? {};
  const mapped = ids && { user: ids.fd, pid: pidNamespace, madeMasks: masks };
  const joined = Object.entries({ ...others, ...mapped }).filter(([, fd]) => fd !== undefined) as [
    keyof typeof others | keyof NonNullable<typeof mapped>,
    Fd,
  ][];
  const pipes = connected.inside.filter((fd) => fd !== undefined);
  const start = () =>
    launch(program, {
      flags: clone.through ? [] : clone.flags.map((flag) => `CLONE_${flag}` as const),
      ...(cgroup !== undefined && { cgroup }),
      given: {
        ...givenFor(identity, theirs.fd, exe.fd, connected.inside),
        [given.root.name]: root,
        ...Object.fromEntries(joined.map(([name, fd]) => [given[name].name, fd])),
        ...Object.fromEntries(binds.map((fd, number) => [given.bind(number).name, fd])),
        ...(fifo !== undefined && { [given.fifo.name]: fifo }),
      },
      keep: [
        ...[root, theirs.fd, exe.fd, ...binds, ...pipes, ...joined.map(([, fd]) => fd)],
        ...(fifo === undefined ? preserved : [fifo, ...preserved]),
      ],
    });
  if (program.pid) {
    return startThrough(start(), program.pid, steps, socket);
  }
  const launched = pidNamespace === undefined ? start() : startIn(pidNamespace, start);
  const { assembled, pid, pidfd } = launched;
  return {
    child: { pid, pidfd },
    socket: socket.handOff(),
    expected: expectedOf(steps),
    failure: () => failures().readFailure(assembled, [assembled.frame, ...assembled.others], steps),
    executed: () => hasExecuted(assembled, [assembled.frame, ...assembled.others]),
    unmap: () => assembled.arena.unmap(),
  };
}

/** In the pid namespace of another container. What does it is loaded for those that share one. */
function startIn(namespace: Fd, start: () => Launched): Launched {
  const { inPidNamespace } = require("../linux/namespace.ts") as typeof import("../linux/namespace.ts");
  try {
    return inPidNamespace(namespace, start);
  } catch (error) {
    // The kernel's word for a namespace whose process 1 has ended.
    if (!hasCode(error, "ENOMEM")) throw error;
    throw error.withHint("the container whose processes are shared (--pid) may have ended in this moment");
  }
}
/** A variable once, the last one said wins. */
function withVariables(step: InitStep, variables: string[]): InitStep {
  if (!("env" in step)) return step;
  const nameOf = (entry: string) => entry.split("=", 1)[0]!;
  const env = new Map([...step.env, ...variables].map((entry) => [nameOf(entry), entry]));
  return { ...step, env: [...env.values()] };
}

/** What every process is told that becomes a program. */
export function givenFor(
  { uid, gid, groups, home }: Identity,
  sync: number,
  exe: number,
  stdio: ConnectedStdio["inside"],
): Record<string, number | string | Uint8Array> {
  const values: Record<string, number | string | Uint8Array> = {
    [given.sync.name]: sync,
    [given.exe.name]: exe,
    [given.exeHigh.name]: exe * 2 ** 32,
    [given.uid.name]: uid,
    [given.gid.name]: gid,
    [given.groupCount.name]: groups.length,
    [given.groups.name]: new Uint8Array(new Uint32Array(groups).buffer),
    [given.home.name]: `HOME=${home}`,
  };
  stdio.forEach((fd, index) => {
    if (fd !== undefined) values[given.stdio[index]!.name] = fd;
  });
  return values;
}

const words = ["n", "c", "h", "r", "w"].map((letter) => letter.charCodeAt(0));
const [n, c, h, r, w] = words as [number, number, number, number, number];
/** The steps that say something, and what. */
const sayings: Partial<Record<InitStep["do"], number>> = {
  "send-network": n,
  console: c,
  "await-hooks": h,
  ready: r,
  "await-start": w,
};

/** What a process says on its way through these steps. */
export const expectedOf = (steps: readonly InitStep[]): Set<number> =>
  new Set(steps.map((step) => sayings[step.do]).filter((saying) => saying !== undefined));

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
  const isExpected = starting.expected.delete(kind) && [r, h, w].includes(kind) === (fd === undefined);
  if (!isExpected && fd !== undefined) close(fd);
  if (!isExpected) return false;
  if (kind === c) on.terminal(fd!);
  if (kind === n) {
    using namespace = owned(fd!);
    on.network?.(namespace.fd);
  }
  if (kind === h) {
    on.hooks?.();
    sendGo(socket);
  }
  if (kind === r) {
    on.release?.();
    if (sendGo(socket)) on.going?.();
  }
  if (kind === w) {
    on.created?.();
    sendGo(socket);
  }
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

/**
 * Waits until the intermediate process has made the other. @param pid where it has written its number. @param steps of the other.
 * @param socket handed on with it. @throws StartError, or SyscallError for a process that cannot be made.
 */
export function startThrough(
  { pidfd: intermediate, assembled }: Launched,
  pid: Slot,
  steps: InitStep[],
  socket: Owned,
): Starting {
  const ended = wait({ pidfd: intermediate })?.exit;
  close(intermediate);
  if (ended?.code !== 0) {
    const failed = failures().readFailure(assembled, [assembled.frame], steps);
    assembled.arena.unmap();
    if (!failed?.errno) throw killed(failed);
    if (failed.step === "clone-sibling")
      throw syscallError("clone", "a process into the container's cgroup", failed.errno);
    throw failures().startError(failed);
  }
  const number = assembled.arena.i32[pid.at >> 2] ?? 0;
  const child = { pid: number, pidfd: childOf(number) };
  return {
    child,
    socket: socket.handOff(),
    expected: expectedOf(steps),
    failure: () => failures().readFailure(assembled, assembled.others, steps),
    executed: () => hasExecuted(assembled, assembled.others),
    unmap: () => assembled.arena.unmap(),
  };
}

/** A descriptor of our child. Its number stood where a stranger may have written by now: so we look whether it is one. */
function childOf(pid: number): Fd {
  if (pid > 0 && readStat(pid)?.parent === process.pid) return pidfdOpen(pid);
  throw new Failure("the way into the container was closed");
}
